"""A seeded slice of the fault suite; all of it is `make chaos`."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.chaos import writers
from tests.chaos.__main__ import SCENARIOS
from tests.chaos.arena import Arena
from tests.chaos.runners import Runners, nursery
from tests.chaos.scores import Score, scorecard
from tests.kit.databases import Database
from tests.kit.invariants import invariant
from tests.kit.servers import Server

SCALES = {
    "kills": 0.006,
    "signals": 0.014,
    "sessions": 0.01,
    "restarts": 0.025,
    "sleepers": 0.025,
    "networks": 0.01,
    "silences": 0.05,
    "culled": 0.1,
    "tablespaces": 0.01,
}


@pytest.fixture(scope="module")
async def runners(
    tmp_path_factory: pytest.TempPathFactory,
    anyio_backend: str,  # noqa: ARG001 - makes this fixture async in every test
) -> AsyncGenerator[Runners]:
    async with nursery(tmp_path_factory.mktemp("nursery")) as runners:
        yield runners


@pytest.fixture
def arena(server: Server, runners: Runners, tmp_path: Path) -> Arena:
    """A small one; what is struck is over before half a second has passed."""
    return Arena(
        server, runners, tmp_path, seed=3, scale=0.01, migrations=10, longest=0.4
    )


@invariant("I1", "I2", "I5", "I6", "I9", "I11", "I12")
@pytest.mark.parametrize("name", SCALES)
async def test_whatever_strikes_each_migration_is_applied_once_and_nothing_is_left(
    arena: Arena, name: str
) -> None:
    score = Score(name)
    arena.scale = SCALES[name]

    await SCENARIOS[name](arena, score)

    if score.skipped:
        pytest.skip(score.skipped)
    assert score.faults
    assert score.is_clean, score.remarks


@invariant("I13")
async def test_a_rewrite_is_given_up_before_writers_wait_for_long(
    arena: Arena, database: Database
) -> None:
    await database.execute(writers.TABLE + writers.SLOW)
    await database.execute(writers.FILL.format(rows=1000))
    database.files.add("0001_rewrite.sql", writers.SLOW_REWRITE)
    score = Score("writers")

    stalls = await writers.try_to_rewrite(arena, score, database)

    assert score.runs == len(writers.HOWS)
    assert stalls.writes
    assert not score.remarks


def test_a_scorecard_tells_what_was_wrong_and_what_was_skipped() -> None:
    bad, skipped = Score("bad", faults=7), Score("none", skipped="not here")
    bad.blame("lost", "0003 is not there", 2)

    table = scorecard([bad, skipped]).splitlines()

    assert not bad.is_clean
    assert bad.remarks == ["lost: 0003 is not there"]
    assert len({len(line) for line in table}) == 1
    assert "skipped: not here" in table[3]
