"""A signal ends a run in an orderly way, a second one at once."""

import json
import signal
import sys

import anyio
import pytest

from tests.kit.commands import Cli
from tests.kit.databases import Database

SLOW = "CREATE TABLE slow (id int);\nSELECT pg_sleep(30);\n"
BLOCKING = """
import sys, time

async def up(connection):
    print("asleep", file=sys.stderr, flush=True)
    time.sleep(30)
"""

# To another thread than the one that waits, whose system call then goes on.
ELSEWHERE = """
import asyncio, signal, threading

def strike():
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

async def up(connection):
    threading.Timer(0.3, strike).start()
    await asyncio.sleep(40)
"""


@pytest.fixture
def shop(cli: Cli, database: Database) -> Cli:
    cli.environment["DATABASE_URL"] = database.dsn
    database.files.add("0001_users.sql", "CREATE TABLE users (id int);")
    return cli


async def started(process: anyio.abc.Process, text: str) -> str:
    """Read standard error until the text is there."""
    seen = ""
    assert process.stderr
    while text not in seen:
        seen += (await process.stderr.receive()).decode()
    return seen


async def rest(stream: anyio.abc.ByteReceiveStream | None) -> str:
    assert stream
    return b"".join([chunk async for chunk in stream]).decode()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
async def test_the_run_is_rolled_back_released_and_told(
    shop: Cli, database: Database, number: signal.Signals, status: int
) -> None:
    database.files.add("0002_slow.sql", SLOW)
    process = await shop.start("migrate", "--json")
    await started(process, "applying 0002")

    process.send_signal(number)
    with anyio.fail_after(5):
        document = json.loads(await rest(process.stdout))
        ended = await process.wait()

    assert ended == status
    assert document["error"]["code"] == "interrupted"
    assert document["run_id"]
    assert [(r["version"], r["status"]) for r in document["results"]] == [
        ("0001", "applied")
    ]
    assert await database.tables() == {"users"}
    database.files.remove("0002_slow.sql")
    again = await shop("migrate", "--lock-wait", "0")
    assert again.exit_status == 0


async def test_people_are_told_what_stands(shop: Cli, database: Database) -> None:
    database.files.add("0002_slow.sql", SLOW)
    process = await shop.start("migrate")
    await started(process, "applying 0002")

    process.send_signal(signal.SIGINT)

    told = await rest(process.stderr)
    assert await process.wait() == 130
    assert "error: interrupted by SIGINT; what had not been committed" in told
    assert "1 migration of this run stands: 0001 users" in told


async def test_a_second_signal_ends_at_once_whatever_blocks_the_loop(
    shop: Cli, database: Database
) -> None:
    database.files.add("0002_slow.py", BLOCKING)
    process = await shop.start("migrate")
    await started(process, "asleep")

    process.send_signal(signal.SIGTERM)
    await anyio.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    with anyio.fail_after(3):
        ended = await process.wait()

    assert ended == 143


async def test_a_signal_that_does_not_interrupt_the_loops_wait_is_heard(
    shop: Cli, database: Database
) -> None:
    database.files.add("0002_elsewhere.py", ELSEWHERE)

    outcome = await shop("migrate", timeout=20)

    assert outcome.exit_status == 143
    assert await database.tables() == {"users"}


async def test_a_signal_before_the_run_ends_the_command_with_a_document(
    cli: Cli,
) -> None:
    code = (
        "import signal, os, sys; from asyncmigrate._cli import app;"
        " import asyncmigrate._configuration as configuration;"
        " configuration.load = lambda *_: os.kill(os.getpid(), signal.SIGTERM);"
        " sys.exit(app.run(['config', '--json']))"
    )

    done = await anyio.run_process(
        [sys.executable, "-c", code], cwd=cli.cwd, env=cli.environment, check=False
    )

    assert done.returncode == 143
    assert json.loads(done.stdout)["error"]["code"] == "interrupted"


async def test_a_signal_that_the_starter_ignores_stays_ignored(
    shop: Cli, database: Database
) -> None:
    database.files.add("0002_slow.sql", "SELECT pg_sleep(1);")
    command = f"trap '' INT; exec {sys.executable} -m asyncmigrate migrate"
    process = await anyio.open_process(
        ["sh", "-c", command], cwd=shop.cwd, env=shop.environment
    )
    await started(process, "applying 0002")

    process.send_signal(signal.SIGINT)

    await rest(process.stdout)
    assert await process.wait() == 0
