"""A disk that fills up: a small tmpfs, under the data directory or a tablespace."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import anyio.to_thread
import asyncpg

from asyncmigrate.embedded import EmbeddedPostgres
from tests.chaos.arena import HANG, Arena
from tests.chaos.scores import Score
from tests.chaos.workload import Workload, bulky
from tests.kit import servers
from tests.kit.servers import Server

MOUNT = shutil.which("mount", path=os.defpath) or "/bin/mount"
UMOUNT = shutil.which("umount", path=os.defpath) or "/bin/umount"

ROUNDS = 6
MEGABYTE = 1 << 20
FAILED = (1, 5, 6)
"""A migration failed; a statement of our own did, or the server went down; a COMMIT is
undecided, since it went down and does not come back without space."""


FULL = "SQLSTATE 53100"

NEARLY_A_SEGMENT = """
SELECT pg_logical_emit_message(false, '', repeat('x', greatest(0, 16400000 - file_offset)))
FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())
"""
"""Uses write-ahead log up, so that soon another segment of it is asked for."""


class NotAllowed(Exception):
    """This machine lets nobody mount anything here."""


@contextmanager
def small_disk(megabytes: int) -> Generator[Path]:
    """A tmpfs that a server's unprivileged user reaches."""
    if not Path(MOUNT).exists():
        message = f"there is no {MOUNT}"
        raise NotAllowed(message)
    with tempfile.TemporaryDirectory(prefix="asyncmigrate-disk-") as place:
        Path(place).chmod(0o711)
        command = [MOUNT, "-t", "tmpfs", "-o", f"size={megabytes}m", "none", place]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode != 0:
            message = done.stderr.strip() or "a tmpfs cannot be mounted"
            raise NotAllowed(message)
        try:
            yield Path(place)
        finally:
            subprocess.run([UMOUNT, place], check=False)


class Ballast:
    """A file that takes up all space but some."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._file = disk / "ballast"

    def leave(self, size: int) -> None:
        """Make it as large as leaves *size* bytes to others."""
        self.drop()
        seen = os.statvfs(self._disk)
        free = seen.f_bavail * seen.f_frsize
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, free - size))

    def drop(self) -> None:
        self._file.unlink(missing_ok=True)


async def disks(arena: Arena, score: Score) -> None:
    """The disk of the whole cluster fills up, again and again."""
    try:
        with small_disk(192) as disk:
            await _in_data_directory(arena, score, disk)
    except NotAllowed as error:
        score.skipped = str(error)


async def tablespaces(arena: Arena, score: Score) -> None:
    """The disk of the database's tablespace fills up, again and again."""
    try:
        with small_disk(64) as disk:
            await _in_tablespace(arena, score, disk)
    except NotAllowed as error:
        score.skipped = str(error)


def _bulky(arena: Arena, rng: random.Random) -> Callable[[Path], Workload]:
    return lambda path: bulky(rng, path, arena.migrations // 2)


async def _in_tablespace(arena: Arena, score: Score, disk: Path) -> None:
    """Data files cannot grow: an error of the statement that needs the space."""
    with servers.launch() as embedded:
        space = disk / "space"
        space.mkdir(mode=0o700)
        owner = embedded.data_directory.stat()
        os.chown(space, owner.st_uid, owner.st_gid)
        server = Server(embedded.dsn(), embedded.version * 10_000)
        await _ask(server, f"CREATE TABLESPACE small LOCATION '{space}'")
        for number in range(1, arena.count(ROUNDS) + 1):
            await _fill_tablespace(arena, score, disk, server, number)


async def _fill_tablespace(
    arena: Arena, score: Score, disk: Path, server: Server, number: int
) -> None:
    rng, ballast = arena.rng(score.scenario, "tablespace", number), Ballast(disk)
    async with arena.round(score, _bulky(arena, rng), server=server) as one:
        # All of it, so that the history cannot grow either.
        move = f'ALTER DATABASE "{one.database.name}" SET TABLESPACE small'
        await _ask(server, move)
        status: int | None = 1
        while status not in {0, None}:
            ballast.leave(rng.randrange(8192, MEGABYTE * 3))
            runner = await one.start()
            status = await runner.wait(HANG)
            # The audit needs space as well: whoever connects may have a file to write.
            ballast.drop()
            status = await one.end(runner, 0, *FAILED)
            score.faults += status != 0
            if status == 1 and FULL not in runner.said():
                score.blame("unexpected", runner.said()[-2000:])
        ballast.drop()


async def _ask(server: Server, statement: str) -> None:
    admin = await asyncpg.connect(server.admin_dsn)
    await admin.execute(statement)
    await admin.close()


async def _in_data_directory(arena: Arena, score: Score, disk: Path) -> None:
    """WAL cannot grow either: then the server goes down, and stays down."""
    options = {
        "wal_level": "replica",
        "max_wal_size": "32MB",
        "min_wal_size": "32MB",
    }
    with servers.launch(data_directory=disk / "data", settings=options) as embedded:
        for number in range(1, arena.count(ROUNDS) + 1):
            await _fill_cluster(arena, score, disk, embedded, number)


async def _fill_cluster(
    arena: Arena, score: Score, disk: Path, embedded: EmbeddedPostgres, number: int
) -> None:
    server = Server(embedded.dsn(), embedded.version * 10_000)
    rng, ballast = arena.rng(score.scenario, "cluster", number), Ballast(disk)

    def restart() -> None:
        """It is down, or is just recovering by itself, or was not hit at all."""
        embedded.stop("immediate")
        embedded.start()

    async with arena.round(score, _bulky(arena, rng), server=server) as one:
        status: int | None = 1
        while status not in {0, None}:
            if rng.random() < 0.8:
                await _ask(server, NEARLY_A_SEGMENT)
            ballast.leave(rng.randrange(8192, MEGABYTE * 8))
            runner = await one.start(lock_wait="1s", wait_for_database="1s")
            status = await runner.wait(HANG)
            ballast.drop()
            await anyio.to_thread.run_sync(restart)
            status = await one.end(runner, 0, *FAILED)
            score.faults += status != 0
