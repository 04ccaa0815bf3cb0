"""As in a container: as nobody, with nothing to write to, as PID 1, before its database."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit.commands import Cli
from tests.kit.databases import Database
from tests.kit.polling import eventually

SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep(30);\n"


@pytest.fixture
def contained(cli: Cli, database: Database) -> Cli:
    """The command in a user, process and mount namespace of its own, all read-only."""
    bwrap = shutil.which("bwrap")
    sandbox = [bwrap or "bwrap", "--ro-bind", "/", "/", "--proc", "/proc"]
    sandbox += ["--dev", "/dev", "--remount-ro", "/dev", "--die-with-parent"]
    sandbox += ["--unshare-user", "--uid", "10001", "--gid", "10001"]
    sandbox += ["--unshare-pid", "--as-pid-1", "--chdir", str(cli.cwd)]
    tried = bwrap and subprocess.run(
        [*sandbox, "true"], check=False, capture_output=True
    )
    if not tried or tried.returncode:
        pytest.skip("there is no bubblewrap here, or it may not do that")
    cli.prefix = tuple(sandbox)
    cli.environment |= {
        "DATABASE_URL": database.dsn,
        "HOME": "/nonexistent",
        "TMPDIR": "/nonexistent",
    }
    return cli


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in listed.split()]


async def test_the_sandbox_is_what_it_claims_to_be(
    contained: Cli, tmp_path: Path
) -> None:
    script = f"import os; print(os.getpid(), os.getuid()); open({str(tmp_path / 'x')!r}, 'w')"

    done = await anyio.run_process(
        [*contained.prefix, "python3", "-c", script], check=False
    )

    assert done.stdout.split() == [b"1", b"10001"]
    assert b"Read-only file system" in done.stderr


async def test_without_a_file_system_to_write_to_all_of_it_works(
    contained: Cli, database: Database
) -> None:
    database.files.add("0001_users.sql", "CREATE TABLE users (id int);")
    database.files.add("0002_more.py", "async def up(connection): pass\n")

    migrated = await contained("migrate", "--log-format", "json")
    again = await contained("migrate")
    status = await contained("status", "--json")

    assert migrated.exit_status == again.exit_status == 0, migrated
    events = [json.loads(line)["event"] for line in migrated.stderr.splitlines()]
    assert events.count("migration.applied") == 2
    assert status.document["healthy"]


async def test_process_1_hears_sigterm_rolls_back_and_has_no_children_to_wait_for(
    contained: Cli, database: Database
) -> None:
    database.files.add("0001_slow.sql", SLOW)
    sandbox = await contained.start("migrate", "--json")

    async def sleeps() -> bool:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        return bool(await database.fetchval(query))

    await eventually(sleeps)
    (first,) = children(sandbox.pid)
    left_to_wait_for = children(first)
    os.kill(first, signal.SIGTERM)
    with anyio.fail_after(20):
        status = await sandbox.wait()

    assert status == 128 + signal.SIGTERM
    assert left_to_wait_for == []
    assert await database.tables() == set()


async def lines_of(process: anyio.abc.Process, count: int) -> list[str]:
    assert process.stderr
    seen = ""
    with anyio.fail_after(30):
        while seen.count("\n") < count:
            seen += (await process.stderr.receive()).decode()
    return seen.splitlines()


async def test_a_database_that_is_not_there_yet_is_waited_for_with_a_line_a_second(
    cli: Cli, own_server: Callable[..., EmbeddedPostgres], database: Database
) -> None:
    database.files.add("0001_users.sql", "CREATE TABLE users (id int);")
    server = own_server()
    server.stop()
    began = anyio.current_time()

    process = await cli.start(
        "migrate", "--dsn", server.dsn(), "--wait-for-database", "60s"
    )
    told = await lines_of(process, 3)
    took = anyio.current_time() - began
    server.start()
    with anyio.fail_after(30):
        status = await process.wait()

    assert status == 0
    assert took >= 2
    assert [line for line in told if "waiting for the database (" not in line] == []
    assert "Connect call failed" in told[0]


async def test_the_wait_for_a_database_ends_when_it_is_told_to(
    cli: Cli, database: Database
) -> None:
    database.files.add("0001_users.sql", "CREATE TABLE users (id int);")
    nowhere = "postgresql://app:s3cr3t@127.0.0.1:1/app"
    process = await cli.start("migrate", "--dsn", nowhere, "--wait-for-database", "60s")
    told = await lines_of(process, 1)

    process.send_signal(signal.SIGTERM)
    with anyio.fail_after(20):
        status = await process.wait()

    assert status == 143
    assert "s3cr3t" not in "".join(told)
