"""A seeded slice of the fault suite; all of it is `make chaos`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from tests.chaos.faults import (
    Arena,
    Card,
    Strike,
    crowd,
    kill,
    restart,
    strike_until_done,
    terminate,
)
from tests.kit.invariants import invariant


@invariant("I1", "I2", "I11", "I12")
@pytest.mark.parametrize(
    "strike", [kill, terminate, restart], ids=lambda each: each.__name__
)
async def test_whatever_dies_each_migration_is_applied_once_and_nothing_is_left(
    own_server: Callable[..., EmbeddedPostgres], tmp_path: Path, strike: Strike
) -> None:
    arena = Arena(own_server(), tmp_path, seed=3)
    card = Card("a slice")

    await strike_until_done(arena, card, 4, strike)

    assert card.faults >= 4
    assert card.is_clean, card


@invariant("I1", "I4")
async def test_a_crowd_in_which_some_are_killed_applies_each_migration_once(
    own_server: Callable[..., EmbeddedPostgres], tmp_path: Path
) -> None:
    arena = Arena(own_server(), tmp_path, seed=3)
    card = Card("a crowd")

    await crowd(arena, card, 1, 6, kills=True)

    assert card.is_clean, card
