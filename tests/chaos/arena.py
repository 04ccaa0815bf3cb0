"""Where scenarios happen: a server, runners, a schedule that the seed decides."""

import json
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import anyio

from tests.chaos.runners import Runner, Runners
from tests.chaos.scores import Score
from tests.chaos.workload import Workload, audit, audit_halves, mixed
from tests.kit.databases import Database, new_database
from tests.kit.files import Files
from tests.kit.servers import Server

LEASE = 3.0
SETTINGS = {
    "lease_ttl": f"{LEASE}s",
    "lock_wait": "90s",
    "wait_for_database": "60s",
}
HANG = 120.0
"""Seconds after which a runner that should have ended is taken for hanging."""

AT_ONCE = "3s"
"""How long the last run of a round may wait for the lock: less than a take-over takes,
so that one that nobody gives back shows."""


@dataclass
class Arena:
    """What all scenarios share."""

    server: Server
    runners: Runners
    scratch: Path
    seed: int
    scale: float
    migrations: int = 24
    """How many of every kind a round has."""
    longest: float | None = None
    """Seconds within which to strike; measured when it is not given."""
    _rounds: int = field(default=0, init=False)

    def count(self, full: int) -> int:
        """How many faults or rounds *full* are at this scale."""
        return max(1, round(full * self.scale))

    def rng(self, *names: object) -> random.Random:
        """A schedule of its own for each part of a scenario, whatever the others do."""
        return random.Random(f"{self.seed} {names}")  # noqa: S311 - not a secret

    def mixed(
        self, rng: random.Random, longest: float = 0.02
    ) -> Callable[[Path], Workload]:
        """Writes a round's migrations of every kind."""
        return lambda path: mixed(rng, path, self.migrations, longest)

    @asynccontextmanager
    async def round(
        self,
        score: Score,
        make: Callable[[Path], Workload],
        *,
        server: Server | None = None,
    ) -> AsyncGenerator["Round"]:
        """An empty database and a directory; audited when the block is left well."""
        self._rounds += 1
        files = Files(self.scratch / f"round-{self._rounds}")
        async with new_database(server or self.server, files) as database:
            one = Round(self, score, database, make(files.path))
            yield one
            await one.finish()
            score.rounds += 1


@dataclass
class Round:
    """One database, migrated from nothing to the end."""

    arena: Arena
    score: Score
    database: Database
    work: Workload

    async def start(
        self, *arguments: str, dsn: str | None = None, **settings: str
    ) -> Runner:
        """Start a runner on this round's database and files."""
        self.score.runs += 1
        return await self.arena.runners.start(
            dsn or self.database.dsn,
            self.work.directory,
            *arguments,
            settings={**SETTINGS, **settings},
        )

    async def end(self, runner: Runner, *expected: int) -> int | None:
        """Wait for its end, which must be with one of these exit statuses."""
        status = await runner.wait(HANG)
        if status is None:
            text = f"still at work after {HANG:.0f} s: {runner.said()[-2000:]}"
            self.score.blame("unexpected", text)
            runner.kill()
            return None
        self.score.exits[status] = self.score.exits.get(status, 0) + 1
        if status not in expected:
            text = f"exit {status}, not {expected}: {runner.said()[-2000:]}"
            self.score.blame("unexpected", text)
        elif "Traceback" in runner.said():
            self.score.blame("unexpected", runner.said()[-2000:])
        await audit_halves(self.work, self.database, self.score)
        return status

    async def finish(self) -> None:
        """One more migration, undisturbed, and the audit of everything."""
        await self._count_names()
        self.work.add("plain", self.work.newest + 1)
        runner = await self.start("--json", lock_wait=AT_ONCE)
        if await self.end(runner, 0, 3) == 3:
            said = json.loads(runner.said().splitlines()[-1])
            self.score.blame("stuck_locks", said["error"]["message"])
        await audit(self.work, self.database, self.score)

    async def _count_names(self) -> None:
        if await self.database.fetchval(
            "SELECT to_regclass('asyncmigrate.migration_locks')"
        ):
            self.score.names_left += await self.database.fetchval(
                "SELECT count(*) FROM asyncmigrate.migration_locks"
                " WHERE run_id IS NOT NULL"
            )


Scenario: TypeAlias = Callable[[Arena, Score], Awaitable[None]]


async def in_rounds(
    score: Score, faults: int, one: Callable[[int], Awaitable[None]], width: int = 2
) -> None:
    """Rounds, *width* at a time, until there were enough faults."""
    numbers = iter(range(1, 10_000))

    async def work() -> None:
        while score.faults < faults:
            await one(next(numbers))

    async with anyio.create_task_group() as group:
        for _ in range(width):
            group.start_soon(work)


async def measure(arena: Arena, score: Score) -> float:
    """Seconds that an undisturbed run of the mixed migrations takes here."""
    if arena.longest is not None:
        return arena.longest
    rng = arena.rng(score.scenario, "measure")
    async with arena.round(score, arena.mixed(rng)) as one:
        began = time.monotonic()
        await one.end(await one.start(), 0)
        return time.monotonic() - began
