"""Whole sets of migrations, in the style of real projects, forth and back."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.kit.catalogue import snapshot
from tests.kit.commands import Cli, Outcome
from tests.kit.databases import Database
from tests.sets import analytics, auth, saas
from tests.sets.writing import Texts

SAMPLE = Path(__file__).parent.parent / "migrations"


def _sample(_: int) -> Texts:
    return {
        path.relative_to(SAMPLE).as_posix(): path.read_text(encoding="utf-8")
        for path in SAMPLE.rglob("*")
        if path.suffix in {".sql", ".py"}
    }


SETS: dict[str, Callable[[int], Texts]] = {
    "sample": _sample,
    "saas": lambda _: saas.migrations(),
    "auth": lambda _: auth.migrations(),
    "analytics": analytics.migrations,
}
PUBLIC_STYLE = ("saas", "auth", "analytics")

# Lines of the catalogue that must be there afterwards: one of each kind of object.
LANDMARKS = {
    "sample": (
        r"relation p public\.stock_movements ",
        r"relation i public\.orders_by_customer .*valid t",
        r"relation v public\.stock_on_hand ",
        r"column public\.books\.slug text .* null f",
        r"trigger on public\.books CREATE TRIGGER books_touch",
        r"constraint books_reorder_level_sane .* valid t",
        r"type e public\.order_status .*\{draft,placed,paid,sent,cancelled\}",
    ),
    "saas": (
        r"relation r public\.feature_flags ",
        r"type e public\.ticket_state .*\{open,doing,done\}",
        r"relation i public\.tickets_open .*WHERE \(state = 'open'",
        r"column public\.attachments\.object_key ",
        r"constraint organisations_parent_id_fkey .*DEFERRABLE INITIALLY DEFERRED",
        r"function public\.invoice_balance\(bigint\)",
        r"comment on function public\.invoice_balance.*: what is still owed; in cents",
    ),
    "auth": (
        r"schema Private Things ",
        r'relation v "Private Things"\."posts of today" .*security_barrier=true',
        r"policy auth_sessions: own rows on auth\.sessions .*auth\.uid\(\)",
        r"relation r storage\.objects .* rows t ",
        r"trigger on public\.teams CREATE TRIGGER teams_touch",
        r"default rights of .* r .*pg_monitor=r",
        r"statistics CREATE STATISTICS public\.posts_both",
        r"type e auth\.level .*\{aal1,aal2,aal3\}",
        r"type d public\.handle ",
    ),
    "analytics": (
        r"relation r events\.web_2024_06 .*FOR VALUES FROM",
        r"relation m marts\.daily_visits ",
        r"rule CREATE RULE take AS",
        r"sequence staging\.batch \(integer,10,",
        r"relation i events\.ads_data .*USING gin .*valid t",
        r"constraint corrected_views_valid_excl .*EXCLUDE USING gist",
        r"function marts\.close_visits\(",
        r"type r events\.price_range ",
        r"operator events\.\?\?\?\(",
    ),
}


def _write(database: Database, name: str) -> Texts:
    texts = SETS[name](database.server.version)
    for file, text in texts.items():
        database.files.add(file, text)
    return texts


async def _snapshot(database: Database) -> frozenset[str]:
    # A connection of its own, since a session keeps plans of what has been dropped.
    connection = await database.connect()
    try:
        return await snapshot(connection)
    finally:
        await connection.close()


def _versions(document: Any) -> list[str]:
    return [result["version"] for result in document["results"]]


async def _run(cli: Cli, database: Database, *command: str) -> Any:
    outcome = await cli(*command, "--dsn", database.dsn, "--json")
    assert outcome.exit_status == 0, outcome
    return outcome.document


@pytest.mark.parametrize("name", SETS)
async def test_a_set_goes_forth_and_back_and_forth_and_leaves_nothing_behind(
    database: Database, cli: Cli, name: str
) -> None:
    _write(database, name)
    before = await _snapshot(database)

    up = await _run(cli, database, "migrate")
    there = await _snapshot(database)
    down = await _run(cli, database, "rollback", "--to", "0")
    after = await _snapshot(database)
    again = await _run(cli, database, "migrate")

    absent = [
        landmark
        for landmark in LANDMARKS[name]
        if not any(re.match(landmark, line, re.DOTALL) for line in there)
    ]
    assert absent == []
    assert after - before == frozenset()
    assert before - after == frozenset()
    assert await _snapshot(database) == there
    assert _versions(down) == _versions(up)[::-1]
    assert _versions(again) == _versions(up)


@pytest.mark.parametrize("name", SETS)
async def test_after_a_set_has_been_applied_nothing_is_pending_and_all_is_well(
    database: Database, cli: Cli, name: str
) -> None:
    _write(database, name)

    await _run(cli, database, "migrate")

    status = await _run(cli, database, "status", "--check")
    assert status["healthy"] is True
    assert status["pending"] == 0
    assert status["applied"] == len(status["migrations"])
    assert (await _run(cli, database, "migrate"))["results"] == []


@pytest.mark.parametrize("name", PUBLIC_STYLE)
async def test_two_runners_started_together_apply_each_of_100_migrations_once(
    database: Database, cli: Cli, name: str
) -> None:
    _write(database, name)
    outcomes: list[Outcome] = []

    async def migrate() -> None:
        outcomes.append(await cli("migrate", "--dsn", database.dsn, "--json"))

    async with anyio.create_task_group() as group:
        group.start_soon(migrate)
        group.start_soon(migrate)

    assert [outcome.exit_status for outcome in outcomes] == [0, 0], outcomes
    told = [version for outcome in outcomes for version in _versions(outcome.document)]
    recorded = [row["version"] for row in await database.history()]
    assert len(recorded) > 100
    assert sorted(told) == sorted(recorded)
    assert len(set(recorded)) == len(recorded)


@pytest.mark.parametrize("name", PUBLIC_STYLE)
async def test_a_set_is_undone_from_the_database_when_its_files_are_gone(
    database: Database, cli: Cli, name: str
) -> None:
    _write(database, name)
    before = await _snapshot(database)
    await _run(cli, database, "migrate")
    shutil.rmtree(database.files.path)
    # A directory must not be empty: one file stays that was never applied here.
    database.files.add("99990101_001_later.sql", "-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;")

    await _run(cli, database, "rollback", "--to", "0")

    assert await _snapshot(database) == before


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_written_the_same_every_time(name: str) -> None:
    assert SETS[name](18) == SETS[name](18)
    assert name == "sample" or len(SETS[name](13)) > 100


def test_every_sample_migration_can_be_undone() -> None:
    texts = _sample(0)

    one_way = [
        file
        for file, text in texts.items()
        if not file.endswith((".up.sql", ".down.sql"))
        and not re.search(r"^-- DOWN$|^async def down\(", text, re.MULTILINE)
    ]

    assert one_way == []
    assert len(texts) >= 12
