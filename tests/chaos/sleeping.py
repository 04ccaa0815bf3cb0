"""A runner that stands still for longer than its lease, and wakes after a take-over."""

import signal
from dataclasses import dataclass

import anyio

from tests.chaos.arena import Arena, Round, measure
from tests.chaos.scores import Score
from tests.kit.catalogue import snapshot

LEASE = "1.5s"
WAITERS = 3
AT_ONCE = 4
"""Rounds at a time: nearly all of it is waiting."""

HISTORY = """
SELECT id, version, state, run_id, rolled_back_at FROM asyncmigrate.schema_migrations
ORDER BY id
"""


@dataclass(frozen=True)
class Standing:
    """Everything that a sleeper must leave as it is."""

    ledger: tuple[str, ...]
    counter: int
    history: tuple[str, ...]
    catalogue: frozenset[str]


async def standing(one: Round) -> Standing:
    database = one.database
    ledger = await database.fetch("SELECT id, entry FROM ledger ORDER BY id")
    history = await database.fetch(HISTORY)
    return Standing(
        ledger=tuple(map(repr, ledger)),
        counter=await database.fetchval("SELECT n FROM counter"),
        history=tuple(map(repr, history)),
        catalogue=await snapshot(await database.connect()),
    )


async def sleepers(arena: Arena, score: Score) -> None:
    """SIGSTOP for longer than the lease while others wait, then SIGCONT."""
    longest = await measure(arena, score)
    faults = arena.count(40)
    numbers = iter(range(1, 10_000))

    async def work() -> None:
        while score.faults < faults:
            await _one(arena, score, next(numbers), longest)

    async with anyio.create_task_group() as group:
        for _ in range(min(AT_ONCE, faults)):
            group.start_soon(work)


async def _one(arena: Arena, score: Score, number: int, longest: float) -> None:
    rng = arena.rng(score.scenario, number)
    async with arena.round(score, arena.mixed(rng, 0.05)) as one:
        sleeper = await one.start(lease_ttl=LEASE)
        if await sleeper.wait(rng.uniform(0, longest)) is not None:
            await one.end(sleeper, 0)
            return
        sleeper.send(signal.SIGSTOP)
        waiters = [await one.start(lease_ttl=LEASE) for _ in range(WAITERS)]
        if any([await one.end(waiter, 0) for waiter in waiters]):
            sleeper.kill()  # it was not taken over; told already
            return
        before = await standing(one)
        if sleeper.send(signal.SIGCONT):
            score.faults += 1
        await one.end(sleeper, 0, 3)
        if await standing(one) != before:
            score.blame("double_applied", "the sleeper changed something after all")
