"""A proxy between runner and server that cuts, delays or swallows what passes."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from tests.chaos.arena import Arena, in_rounds, measure
from tests.chaos.scores import Score
from tests.kit.proxy import Proxy, listening

MOST = 3
"""Troubles in one run; see `striking.MOST`."""

EXPECTED = (0, 3, 5, 6)
"""Besides success: the lease could not be renewed, the database is not to be had, a
COMMIT is undecided. The next run finds out what is so."""

Trouble: TypeAlias = Callable[[Proxy, random.Random], Awaitable[bool]]
"""Makes trouble; false when nothing was there to be troubled."""


async def _cut(proxy: Proxy, _: random.Random) -> bool:
    proxy.cut()
    return True


async def _cut_clients(proxy: Proxy, _: random.Random) -> bool:
    proxy.cut_clients()
    return True


async def _delay(proxy: Proxy, rng: random.Random) -> bool:
    seconds = rng.uniform(0.05, 0.8)

    async def late(_: str) -> bool:
        await asyncio.sleep(seconds)
        return True

    proxy.on_query = late
    await asyncio.sleep(seconds)
    proxy.on_query = None
    return True


async def _swallow_answers(proxy: Proxy, rng: random.Random) -> bool:
    proxy.is_deaf = True
    await asyncio.sleep(rng.uniform(0.01, 0.8))
    proxy.cut()
    proxy.is_deaf = False
    return True


async def _swallow_questions(proxy: Proxy, rng: random.Random) -> bool:
    async def never(_: str) -> bool:
        return False

    proxy.on_query = never
    await asyncio.sleep(rng.uniform(0.01, 0.8))
    proxy.cut()
    proxy.on_query = None
    return True


async def _lose_for_ever(proxy: Proxy, _: random.Random) -> bool:
    """Swallow what the session is told from now on: the keeper must notice."""
    if not proxy.connections:
        return False
    # The keeper is the last to connect, and lives as long as its session does.
    session = len(proxy.connections) - 1
    if is_keeper(proxy, session) and session:
        session -= 1
    proxy.deaf_to.add(session)
    return True


def is_keeper(proxy: Proxy, number: int) -> bool:
    return any(b" keeper\0" in payload for _, payload in proxy.connections[number][:2])


async def _at_commit(proxy: Proxy, rng: random.Random) -> bool:
    """Strike when a migration's COMMIT passes: before it, after it, or meanwhile."""
    when = rng.choice(("before", "after", "meanwhile"))
    struck = asyncio.Event()

    async def strike(text: str) -> bool:
        if struck.is_set() or not text.endswith("COMMIT"):
            return True
        struck.set()
        if when == "before":
            proxy.cut()
            return False
        if when == "meanwhile":
            proxy.cut_clients()
            await asyncio.sleep(rng.uniform(0, 0.3))
            return True
        proxy.is_deaf = True
        later.call_later(rng.uniform(0.01, 0.2), hear_again)
        return True

    def hear_again() -> None:
        proxy.cut()
        proxy.is_deaf = False

    later = asyncio.get_running_loop()
    proxy.on_query = strike
    with anyio.move_on_after(2):
        await struck.wait()
        await asyncio.sleep(0.3)
    proxy.on_query = None
    return struck.is_set()


TROUBLES: tuple[Trouble, ...] = (
    *(_at_commit,) * 3,
    _cut,
    _cut_clients,
    _delay,
    _swallow_answers,
    _swallow_questions,
    _lose_for_ever,
)


async def networks(arena: Arena, score: Score) -> None:
    """Connections cut, delayed or made silent at random moments, COMMIT included."""
    longest = await measure(arena, score)
    faults = arena.count(200)

    async def one(number: int) -> None:
        rng = arena.rng(score.scenario, number)
        async with arena.round(score, arena.mixed(rng)) as each:
            status: int | None = 1
            while status not in {0, None}:
                async with listening(each.database.dsn) as proxy:
                    runner = await each.start(dsn=proxy.dsn, lease_ttl="2s")
                    for _ in range(MOST):
                        if await runner.wait(rng.uniform(0, longest)) is not None:
                            break
                        trouble = rng.choice(TROUBLES)
                        if score.faults < faults and await trouble(proxy, rng):
                            score.faults += 1
                    status = await each.end(runner, *EXPECTED)

    await in_rounds(score, faults, one)
