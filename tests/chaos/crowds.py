"""Fifty runners at once, all of them well, or some of them killed."""

import re
from collections.abc import Callable
from pathlib import Path

import anyio

from tests.chaos.arena import Arena, Round
from tests.chaos.runners import KILLED, Runner
from tests.chaos.scores import Score
from tests.chaos.workload import Workload, plain

RUNNERS = 50
MIGRATIONS = 100
ROUNDS = 10
EVERY = 0.1
"""Seconds between two kills."""

HOLDER = "SELECT locked_by FROM asyncmigrate.migration_locks"


async def crowd(arena: Arena, score: Score) -> None:
    """Fifty runners at once."""
    for _ in range(arena.count(ROUNDS)):
        async with arena.round(score, _migrations(arena, 0)) as one:
            for runner in await _start(arena, one):
                await one.end(runner, 0)


def _size(arena: Arena, full: int) -> int:
    return max(4, round(full * min(1.0, arena.scale)))


def _migrations(arena: Arena, pause: float) -> Callable[[Path], Workload]:
    return lambda path: plain(path, _size(arena, MIGRATIONS), pause)


async def _start(arena: Arena, one: Round) -> list[Runner]:
    return [await one.start() for _ in range(_size(arena, RUNNERS))]


async def culled(arena: Arena, score: Score) -> None:
    """Fifty runners at once, of whom one is killed every 100 ms until all is done."""
    for number in range(1, arena.count(ROUNDS) + 1):
        rng = arena.rng(score.scenario, number)
        async with arena.round(score, _migrations(arena, 0.02)) as one:
            runners = await _start(arena, one)
            while alive := [each for each in runners if each.is_alive]:
                if len(alive) == 1:
                    break  # somebody must be left to finish it
                await anyio.sleep(EVERY)
                victim = rng.choice(alive)
                if rng.random() < 0.5:
                    victim = await _holder(one, alive) or victim
                score.faults += victim.kill()
            for runner in runners:
                await one.end(runner, 0, KILLED)


async def _holder(one: Round, alive: list[Runner]) -> Runner | None:
    """The one at work: killing those who wait is no great trial."""
    if not await one.database.fetchval(
        "SELECT to_regclass('asyncmigrate.migration_locks')"
    ):
        return None
    named = re.search(r"process (\d+)", await one.database.fetchval(HOLDER) or "")
    pid = int(named[1]) if named else None
    return next((each for each in alive if each.pid == pid), None)
