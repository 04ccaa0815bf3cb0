"""Who waits for whom, and for how long: each limit, and each directive that sets it."""

import asyncio
import time

import anyio
import pytest

from asyncmigrate.errors import (
    BlockLimitReached,
    MigrationFailed,
    TableLockNotAcquired,
)
from asyncmigrate.events import MigrationRetried, Progressed, TableLockWaiting
from tests.faults.stalls import measure_waiting, measure_working
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.polling import eventually

INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
USERS = (
    "CREATE TABLE users (id int PRIMARY KEY, email text);"
    "INSERT INTO users SELECT x, 'user' FROM generate_series(1, 100) AS x;"
)
WRITE = "BEGIN; UPDATE users SET email = 'x' WHERE id = 1"
OFF = "-- asyncmigrate: transaction=off\n"


@pytest.fixture
async def users(app: App) -> App:
    app.add(_0001_users=USERS)
    await app.migrate()
    return app


@invariant("I13")
async def test_an_index_built_concurrently_waits_without_a_limit_and_shows_for_whom(
    users: App,
) -> None:
    users.add(_0002_index="CREATE INDEX CONCURRENTLY e ON users (email);")
    writer = await users.database.connect(
        server_settings={"application_name": "slow writer"}
    )
    await writer.execute(WRITE)
    task = asyncio.ensure_future(users.migrate(lock_timeout="200ms", lock_retries=1))

    async def shown() -> bool:
        return any("slow writer" in line for line in users.told(Progressed))

    await eventually(shown)
    await anyio.sleep(0.5)
    await writer.execute("COMMIT")

    assert versions(await task) == ["+0002"]
    assert any("slow writer" in line for line in users.told(TableLockWaiting))
    assert users.told(MigrationRetried) == []


@invariant("I13")
async def test_what_has_partly_worked_outside_a_transaction_is_never_tried_again(
    users: App,
) -> None:
    users.add(
        _0002_index="-- asyncmigrate: lock-timeout=200ms\n"
        "CREATE INDEX CONCURRENTLY e ON users (email);"
    )
    writer = await users.database.connect()
    await writer.execute(WRITE)
    task = asyncio.ensure_future(users.migrate())

    async def failing() -> bool:
        return bool(users.told(MigrationRetried))

    await eventually(failing)
    await writer.execute("COMMIT")
    with pytest.raises(TableLockNotAcquired) as failed:
        await task

    # Only the removal of what it left was tried again.
    for line in users.told(MigrationRetried):
        assert "removing what it left half done" in line
    assert failed.value.tries == 1
    assert "nothing of it stands" in str(failed.value)
    assert await users.database.fetch(INVALID) == []
    assert await users.standing() == {"0001": "applied", "0002": "pending"}


@invariant("I13")
async def test_what_has_done_nothing_outside_a_transaction_is_tried_again(
    users: App,
) -> None:
    users.add(_0002_full="VACUUM FULL users;")
    reader = await users.database.connect()
    await reader.execute("BEGIN; SELECT * FROM users")
    task = asyncio.ensure_future(users.migrate(lock_timeout="200ms"))

    async def retried() -> bool:
        return len(users.told(MigrationRetried)) > 1

    await eventually(retried)
    await reader.execute("COMMIT")
    report = await task

    assert versions(report) == ["+0002"]
    assert report[0].attempts > 2


@invariant("I13")
@pytest.mark.parametrize(
    ("off", "no_limit"),
    [
        ("", "SET lock_timeout = 0;"),
        ("", "set local lock_timeout TO '0ms';"),
        ("", "RESET lock_timeout;"),
        (OFF, "SET SESSION lock_timeout TO DEFAULT;"),
        (OFF, "SELECT pg_catalog.set_config('lock_timeout', '0', false);"),
    ],
)
async def test_no_script_takes_the_limit_off(
    users: App, off: str, no_limit: str
) -> None:
    users.add(_0002_add=f"{off}{no_limit}\nALTER TABLE users ADD COLUMN a int;")
    reader = await users.database.connect()
    await reader.execute("BEGIN; SELECT * FROM users")

    with pytest.raises(TableLockNotAcquired, match=r"within 0\.1 s in 1 tries"):
        await users.migrate(lock_timeout="100ms", lock_retries=1)


async def test_another_limit_of_a_script_is_its_authors(users: App) -> None:
    users.add(
        _0002_add="SET lock_timeout = '50ms';\nALTER TABLE users ADD COLUMN a int;"
    )
    reader = await users.database.connect()
    await reader.execute("BEGIN; SELECT * FROM users")
    began = time.monotonic()

    with pytest.raises(TableLockNotAcquired):
        await users.migrate(lock_timeout="60s", lock_retries=1)

    assert time.monotonic() - began < 30


DIRECTIVES = {
    "lock-timeout=100ms": "ALTER TABLE users ADD COLUMN a int;",
    "statement-timeout=100ms": "SELECT pg_sleep(30);",
    "concurrent-timeout=300ms": "CREATE INDEX CONCURRENTLY e ON users (email);",
}


@pytest.mark.parametrize("directive", DIRECTIVES)
async def test_a_directive_holds_for_its_file_and_for_no_other(
    users: App, directive: str
) -> None:
    users.add(_0002_limited=f"-- asyncmigrate: {directive}\n{DIRECTIVES[directive]}")
    other = await users.database.connect()
    await other.execute(WRITE)

    with pytest.raises(MigrationFailed) as failed:
        await users.migrate(lock_retries=1)
    await other.execute("COMMIT")

    assert failed.value.version == "0002"
    users.add(_0002_limited="SELECT pg_sleep(0.3);")
    assert versions(await users.migrate()) == ["+0002"]
    assert await users.database.fetch(INVALID) == []


@pytest.mark.parametrize(("limit", "setting"), [("off", "300ms"), ("300ms", "off")])
async def test_a_file_may_have_a_block_limit_of_its_own_or_none(
    users: App, limit: str, setting: str
) -> None:
    seconds = 0.7 if limit == "off" else 30
    users.add(
        _0002_add=f"-- asyncmigrate: block-limit={limit}\n"
        f"ALTER TABLE users ADD COLUMN a int; SELECT pg_sleep({seconds});"
    )
    other = await users.database.connect()

    async def write() -> None:
        await anyio.sleep(0.2)
        await other.execute("INSERT INTO users VALUES (0, '')")

    writing = asyncio.ensure_future(write())
    if limit == "off":
        assert versions(await users.migrate(block_limit=setting)) == ["+0002"]
    else:
        with pytest.raises(BlockLimitReached, match=r"held up for 0\.3 s"):
            await users.migrate(block_limit=setting)
    await writing


REWRITES = {
    "ALTER TABLE users ALTER COLUMN id TYPE bigint;": "change a type by a new column",
    "CREATE INDEX e ON users (email);": "build it with CREATE INDEX CONCURRENTLY",
    "UPDATE users SET email = 'y';": "update in batches of a few thousand rows",
}


@invariant("I13")
@pytest.mark.parametrize("statement", REWRITES)
async def test_who_was_held_up_by_which_lock_and_the_safer_way_are_told(
    users: App, statement: str
) -> None:
    users.add(_0002_rewrites=f"{statement}\nSELECT pg_sleep(30);")
    shopper = await users.database.connect(server_settings={"application_name": "shop"})
    # It is there at every moment, as a service is.
    stopped = False

    async def serve() -> None:
        while not stopped:
            await shopper.execute("UPDATE users SET email = 'z' WHERE id = 2")
            await anyio.sleep(0.02)

    serving = asyncio.ensure_future(serve())
    with pytest.raises(BlockLimitReached) as reached:
        await users.migrate(block_limit="300ms")
    stopped = True
    await serving

    told = str(reached.value)
    assert "others were held up for 0.3 s (pid" in told
    assert "application shop" in told
    assert "the statement was cancelled and the migration rolled back" in told
    assert REWRITES[statement] in told
    if not statement.startswith("UPDATE"):
        assert "RowExclusiveLock on public.users against our" in told
    assert await users.standing() == {"0001": "applied", "0002": "pending"}


async def test_python_that_idles_on_its_locks_holds_nobody_up_for_longer(
    users: App,
) -> None:
    users.files.add(
        "0002_idles.py",
        "import asyncio\n\nasync def up(connection):\n"
        "    await connection.execute('ALTER TABLE users ADD COLUMN a int')\n"
        "    await asyncio.sleep(30)\n",
    )
    other = await users.database.connect()

    async def write() -> float:
        await anyio.sleep(0.5)
        began = time.monotonic()
        await other.execute("INSERT INTO users VALUES (0, '')")
        return time.monotonic() - began

    writing = asyncio.ensure_future(write())
    with pytest.raises(BlockLimitReached, match="its session was ended") as reached:
        await users.migrate(block_limit="500ms")

    assert await writing < 10
    assert reached.value.version == "0002"
    assert await users.standing() == {"0001": "applied", "0002": "pending"}


@invariant("I13")
async def test_a_writer_on_a_large_table_is_held_up_no_longer_than_the_limits(
    app: App,
) -> None:
    waiting = await measure_waiting(app, tries=1)
    working = await measure_working(app, tries=1)

    assert len(waiting) == len(working) == 1
    assert max(waiting) < 10
    assert max(working) < 10
