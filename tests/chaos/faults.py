"""Faults at random moments of a run of mixed migrations, and what they left behind."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from asyncmigrate import MigrationError, migrate
from asyncmigrate.embedded import EmbeddedPostgres

LEDGER = "INSERT INTO ledger VALUES ({0}); UPDATE counter SET n = n + 1;"
COUNT = 12
LEASE = "3s"

WRONG = """
SELECT (SELECT count(*) FROM (SELECT version FROM ledger GROUP BY version
                              HAVING count(*) > 1) AS twice),
       (SELECT {count} - count(DISTINCT version) FROM ledger),
       (SELECT count(*) FROM pg_index WHERE NOT indisvalid),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
          AND database = (SELECT oid FROM pg_database
                          WHERE datname = current_database())),
       (SELECT count(*) FROM asyncmigrate.migration_locks
          WHERE backend_pid IN (SELECT pid FROM pg_stat_activity)),
       (SELECT abs(sum(n) - (SELECT count(*) FROM ledger)) FROM counter)
"""


@dataclass(slots=True)
class Card:
    """The scorecard of one kind of fault."""

    name: str
    rounds: int = 0
    faults: int = 0
    runs: int = 0
    twice: int = 0
    lost: int = 0
    invalid: int = 0
    stuck: int = 0
    leases: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (
            self.twice or self.lost or self.invalid or self.stuck or self.leases
        )

    def __str__(self) -> str:
        return (
            f"| {self.name} | {self.faults} | {self.runs} | {self.twice} | {self.lost}"
            f" | {self.stuck} | {self.invalid} | {self.leases} |"
        )


def write_migrations(directory: Path) -> None:
    """One of each kind: transactional, Python, outside a transaction, repeatable."""
    directory.mkdir(parents=True)
    (directory / "0000_start.sql").write_text(
        "CREATE TABLE ledger (version int); CREATE TABLE counter (n int);"
        "INSERT INTO counter VALUES (0);"
    )
    for number in range(1, COUNT + 1):
        work = LEDGER.format(number)
        stem = directory / f"{2 * number:04d}_step"
        if number % 4 == 0:
            stem.with_suffix(".py").write_text(
                f"async def up(connection):\n    await connection.execute({work!r})\n"
            )
        else:
            stem.with_suffix(".sql").write_text(
                f"{work} SELECT pg_sleep(0.01);"
                f" CREATE TABLE t{number} AS SELECT generate_series(1, 500) AS x;"
            )
        if number % 3 == 0:
            (directory / f"{2 * number + 1:04d}_index.sql").write_text(
                f"CREATE INDEX CONCURRENTLY ON ledger (version, ({number}));"
            )
    (directory / "repeatable").mkdir()
    (directory / "repeatable" / "v.sql").write_text(
        "CREATE OR REPLACE VIEW v AS SELECT count(*) FROM ledger;"
    )


class Arena:
    """A server of its own, a fresh database each round, and runners as processes."""

    def __init__(self, server: EmbeddedPostgres, place: Path, seed: int) -> None:
        self.server = server
        self.directory = place / "migrations"
        self.rng = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        self.number = 0
        write_migrations(self.directory)

    async def fresh(self) -> str:
        """A new, empty database; its DSN."""
        self.number += 1
        admin = await asyncpg.connect(self.server.dsn())
        await admin.execute(f"CREATE DATABASE chaos_{self.number}")
        await admin.close()
        return self.server.dsn(f"chaos_{self.number}")

    def runner(self, dsn: str) -> "subprocess.Popen[bytes]":
        """Start one."""
        command = [sys.executable, "-m", "asyncmigrate", "migrate", "-q", "--dsn", dsn]
        command += ["-d", str(self.directory), "--lease-ttl", LEASE]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    async def settle(self, dsn: str, card: Card) -> None:
        """Run until it is done, without any fault, and count what is wrong."""
        for _ in range(5):
            card.runs += 1
            try:
                await migrate(dsn, self.directory, lease_ttl=LEASE, lock_wait="20s")
                break
            except MigrationError as error:
                print(f"  {card.name}: {error}", file=sys.stderr)
        connection = await asyncpg.connect(dsn)
        row = await connection.fetchrow(WRONG.replace("{count}", str(COUNT)))
        await connection.close()
        assert row is not None
        twice, lost, invalid, stuck, leases, off = row
        card.rounds += 1
        card.twice += twice + (off if not twice else 0)
        card.lost += lost
        card.invalid += invalid
        card.stuck += stuck
        card.leases += leases


Strike = Callable[[Arena, str, "subprocess.Popen[bytes]"], object]


async def strike_until_done(
    arena: Arena, card: Card, faults: int, strike: Strike
) -> None:
    """Start a runner, strike after a random while, again until all are applied."""
    while card.faults < faults:
        dsn = await arena.fresh()
        runner = arena.runner(dsn)
        for attempt in range(60):
            if attempt:
                runner = arena.runner(dsn)
            card.runs += 1
            try:
                runner.wait(arena.rng.uniform(0.15, 0.7))
                break
            except subprocess.TimeoutExpired:
                card.faults += 1
                done = strike(arena, dsn, runner)
                if hasattr(done, "__await__"):
                    await done
                if runner.poll() is None:
                    _reap(runner)
            if card.faults >= faults:
                break
        _reap(runner)
        await arena.settle(dsn, card)


def _reap(runner: "subprocess.Popen[bytes]") -> None:
    try:
        runner.wait(30)
    except subprocess.TimeoutExpired:
        runner.kill()
        runner.wait()


def kill(_: Arena, __: str, runner: "subprocess.Popen[bytes]") -> None:
    """kill -9 of the runner."""
    runner.kill()


async def terminate(arena: Arena, dsn: str, _: "subprocess.Popen[bytes]") -> None:
    """End the session, the keeper, or both, on the server."""
    which = arena.rng.choice(["%keeper", "asyncmigrate %", "asyncmigrate%"])
    connection = await asyncpg.connect(dsn)
    await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE $1 AND datname = current_database()",
        which,
    )
    await connection.close()


def restart(arena: Arena, _: str, __: "subprocess.Popen[bytes]") -> None:
    """An immediate stop of the server, and a start."""
    arena.server.stop("immediate")
    arena.server.start()


async def crowd(
    arena: Arena, card: Card, rounds: int, size: int, *, kills: bool
) -> None:
    """*size* runners at once; perhaps one of them is killed every 100 ms."""
    for _ in range(rounds):
        dsn = await arena.fresh()
        runners = [arena.runner(dsn) for _ in range(size)]
        card.runs += size
        killed: set[int] = set()
        while kills and len(killed) < size // 2:
            await asyncio.sleep(0.1)
            alive = [r for r in runners if r.poll() is None and r.pid not in killed]
            if not alive:
                break
            victim = arena.rng.choice(alive)
            victim.kill()
            killed.add(victim.pid)
            card.faults += 1
        for runner in runners:
            _reap(runner)
        bad = [r for r in runners if r.returncode != 0 and r.pid not in killed]
        card.lost += len(bad)
        await arena.settle(dsn, card)
