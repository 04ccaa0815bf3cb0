"""One runner at a time, struck at random moments and started again until it is done."""

import random
import signal
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio.to_thread

from asyncmigrate.embedded import EmbeddedPostgres
from tests.chaos.arena import Arena, Round, in_rounds, measure
from tests.chaos.runners import KILLED, Runner
from tests.chaos.scores import Score
from tests.kit import servers
from tests.kit.servers import Server

END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'asyncmigrate %'
AND (application_name LIKE '%keeper') = ANY ($1)
"""

SESSION, KEEPER = [False], [True]

MOST = 3
"""Strikes that one run must survive; a migration that loses its connection five times
in a row is given up, since it may be what crashes the server."""

Strike: TypeAlias = Callable[[Round, random.Random, Runner], Awaitable[bool]]
"""Strikes; false when it found nothing to hit."""


async def struck(
    arena: Arena,
    score: Score,
    faults: int,
    strike: Strike,
    *expected: int,
    server: Server | None = None,
) -> None:
    """Strike until there were *faults*, each run ending with an *expected* status.

    On a *server* of its own, which all rounds suffer with, one round at a time.
    """
    longest = await measure(arena, score)

    async def one(number: int) -> None:
        rng = arena.rng(score.scenario, number)
        async with arena.round(score, arena.mixed(rng), server=server) as each:
            while True:
                runner = await each.start()
                for _ in range(MOST):
                    # What was done by then stays done, so that every migration's turn
                    # comes within half of the time that all of them take.
                    moment = rng.uniform(0, longest / 2)
                    if await runner.wait(moment) is not None:
                        break
                    if score.faults < faults and await strike(each, rng, runner):
                        score.faults += 1
                if await each.end(runner, 0, *expected) in {0, None}:
                    return

    await in_rounds(score, faults, one, 2 if server is None else 1)


async def _kill(_: Round, __: random.Random, runner: Runner) -> bool:
    return runner.kill()


async def kills(arena: Arena, score: Score) -> None:
    """kill -9 of the runner."""
    await struck(arena, score, arena.count(500), _kill, KILLED)


async def _interrupt(_: Round, rng: random.Random, runner: Runner) -> bool:
    return runner.send(rng.choice((signal.SIGTERM, signal.SIGINT)))


async def signals(arena: Arena, score: Score) -> None:
    """SIGTERM and SIGINT; a second one while the first is being obeyed."""
    statuses = (130, 143, -signal.SIGINT, -signal.SIGTERM)
    await struck(arena, score, arena.count(150), _interrupt, *statuses)


async def _terminate(one: Round, rng: random.Random, _: Runner) -> bool:
    which = rng.choice((SESSION, KEEPER, SESSION + KEEPER))
    return bool(await one.database.fetchval(END, which))


async def sessions(arena: Arena, score: Score) -> None:
    """pg_terminate_backend of the session, of the keeper, of both."""
    await struck(arena, score, arena.count(200), _terminate)


async def restarts(arena: Arena, score: Score) -> None:
    """An immediate stop of the server (as after a crash), and a start."""
    with servers.launch() as embedded:
        await _restarts(arena, score, embedded)


async def _restarts(arena: Arena, score: Score, embedded: EmbeddedPostgres) -> None:
    def restart() -> None:
        embedded.stop("immediate")
        embedded.start()

    async def strike(_: Round, __: random.Random, ___: Runner) -> bool:
        await anyio.to_thread.run_sync(restart)
        return True

    server = Server(embedded.dsn(), embedded.version * 10_000)
    await struck(arena, score, arena.count(40), strike, server=server)
