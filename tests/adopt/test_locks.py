"""While a history is taken over, the tool that it is of cannot run; and the reverse.

The keys are written down here once more, as the tools themselves compute them.
"""

import zlib
from collections.abc import Callable
from functools import partial

import anyio
import asyncpg
import pytest

import asyncmigrate
from asyncmigrate.errors import LockNotAcquired, PrivilegeMissing
from asyncmigrate.events import Event, LockWaiting
from tests.adopt.conftest import SwitchFrom
from tests.adopt.test_in_place import BY_NAME
from tests.adopt.tools import TERN, YOYO
from tests.kit.databases import Database
from tests.kit.invariants import invariant
from tests.kit.proxy import listening


def crc(text: str) -> int:
    return zlib.crc32(text.encode())


KEYS: dict[str, Callable[[str], int]] = {
    # Opened by URL, with the slash before the database's name.
    "golang-migrate": lambda database: (
        crc(f"public\0schema_migrations\0/{database}") * 1486364155 % 2**32
    ),
    "goose": lambda _: 4097083626,
    "sqlx": lambda database: 0x3D32AD9E * crc(database),
    # "Flyway" in ASCII, plus the hash of "public"."flyway_schema_history".
    "flyway": lambda _: 77433833903597,
    "prisma": lambda _: 72707369,
    "graphile-migrate": lambda _: 4727445306447283,
    "sqitch": lambda _: 75474063,
}
NO_KEY = "dbmate"
"""It stands for all tools that have none: their tables alone are locked."""


@invariant("I14")
@pytest.mark.parametrize("name", [*KEYS, NO_KEY])
async def test_an_old_pod_that_starts_in_the_middle_cannot_run(
    name: str, switch_from: SwitchFrom
) -> None:
    tool = BY_NAME[name]
    switch = await switch_from(tool)
    pod = await switch.database.connect()
    key = KEYS[name](switch.database.name) if name in KEYS else None
    about_to_write, seen = anyio.Event(), anyio.Event()

    async def stop_before_the_rows_are_written(query: str) -> bool:
        if "took over" in query:
            about_to_write.set()
            await seen.wait()
        return True

    async with (
        listening(switch.database.dsn) as proxy,
        anyio.create_task_group() as group,
    ):
        proxy.on_query = stop_before_the_rows_are_written
        group.start_soon(partial(switch.adopt, dsn=proxy.dsn))
        await about_to_write.wait()

        if key is not None:
            assert not await pod.fetchval("SELECT pg_try_advisory_lock($1)", key)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await pod.execute(f"SET lock_timeout = '50ms'; SELECT FROM {tool.place}")
        seen.set()

    assert len(await switch.database.history()) == len(switch.files()) - 1
    if key is not None:
        assert await pod.fetchval("SELECT pg_try_advisory_lock($1)", key)
    await pod.execute(f"BEGIN; LOCK {tool.place} IN ACCESS EXCLUSIVE MODE NOWAIT")


@pytest.mark.parametrize("name", ["golang-migrate", "flyway"])
async def test_a_pod_that_is_at_work_is_waited_for_and_named(
    name: str, switch_from: SwitchFrom
) -> None:
    tool = BY_NAME[name]
    switch = await switch_from(tool)
    pod = await switch.database.connect(server_settings={"application_name": "old pod"})
    key = KEYS[tool.name](switch.database.name)
    await pod.execute(f"BEGIN; SELECT pg_advisory_xact_lock({key})")
    told: list[Event] = []

    with pytest.raises(LockNotAcquired) as caught:
        await switch.adopt(lock_wait=0.3, on_event=told.append)

    who = (
        f"{tool.name} (pid {pod.get_server_pid()}, user postgres, application old pod)"
    )
    assert f"held by {who}" in caught.value.message
    assert [each.holder for each in told if isinstance(each, LockWaiting)] == [who]
    assert await switch.database.history() == []
    await pod.execute("COMMIT")
    await switch.adopt()


async def test_a_pod_in_a_transaction_that_has_only_read_the_table_is_waited_for(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"])
    pod = await switch.database.connect()
    await pod.execute("BEGIN; SELECT FROM schema_migrations")

    async def finish(event: Event) -> None:
        if isinstance(event, LockWaiting):
            await pod.execute("INSERT INTO schema_migrations VALUES ('1'); ROLLBACK")

    events: list[Event] = []
    async with anyio.create_task_group() as group:

        def heard(event: Event) -> None:
            events.append(event)
            group.start_soon(finish, event)

        await switch.adopt(on_event=heard)

    assert any(isinstance(event, LockWaiting) for event in events)
    assert await switch.standing() == ["applied"] * 5 + ["pending"]


async def test_what_a_pod_has_done_while_it_was_waited_for_is_taken_over_too(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"])
    pod = await switch.database.connect()
    (newest,) = switch.files()[-1:]
    await pod.execute("BEGIN")
    await pod.execute("INSERT INTO schema_migrations VALUES ($1)", newest.key)

    async with anyio.create_task_group() as group:

        async def finish() -> None:
            await pod.execute("COMMIT")

        def heard(event: Event) -> None:
            if isinstance(event, LockWaiting):
                group.start_soon(finish)

        await switch.adopt(on_event=heard)

    assert set(await switch.standing()) == {"applied"}


GOOSE_LOCK = """
CREATE TABLE goose_lock (lock_id bigint NOT NULL PRIMARY KEY,
  locked boolean NOT NULL DEFAULT false, locked_at timestamptz NULL,
  locked_by text NULL, lease_expires_at timestamptz NULL, updated_at timestamptz NULL);
INSERT INTO goose_lock VALUES (4097083626, true, now(), 'host-7',
  now() + interval '1 min', now())
"""


async def test_a_lock_of_goose_that_is_a_row_is_waited_for_as_well(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.database.execute(GOOSE_LOCK)

    with pytest.raises(LockNotAcquired, match=r"goose \(host-7\)"):
        await switch.adopt(lock_wait=0.2)

    await switch.database.execute("UPDATE goose_lock SET locked = false")
    await switch.adopt()


async def test_yoyo_locks_by_a_row(database: Database) -> None:
    await database.execute(YOYO)
    await database.execute("INSERT INTO yoyo_lock VALUES (1, now(), 4711)")
    await database.execute("INSERT INTO _yoyo_migration VALUES ('h', '0001.a', now())")
    database.files.add("0001_a.sql", "SELECT 1;")

    with pytest.raises(LockNotAcquired, match=r"yoyo \(process 4711\)"):
        await asyncmigrate.adopt(
            database.dsn, str(database.files), at="1", lock_wait=0.2
        )


async def test_a_role_that_may_not_lock_the_table_is_told_what_it_needs(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"])
    database = switch.database
    role = await database.role()
    await database.execute(
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{role}";'
        f'GRANT SELECT ON schema_migrations TO "{role}"'
    )

    with pytest.raises(PrivilegeMissing, match="may not lock") as caught:
        await switch.adopt(dsn=database.dsn_of(role))

    assert "GRANT UPDATE ON public.schema_migrations" in (caught.value.hint or "")
    await database.execute(f'GRANT UPDATE ON schema_migrations TO "{role}"')
    await switch.adopt(dsn=database.dsn_of(role))


async def test_a_lock_that_was_taken_is_given_back_when_another_is_not_to_be_had(
    database: Database,
) -> None:
    await database.execute(TERN)
    await database.execute("INSERT INTO schema_version VALUES (1)")
    database.files.add("0001_a.sql", "SELECT 1;")
    pod = await database.connect()
    await pod.execute("BEGIN; SELECT FROM schema_version")

    with pytest.raises(LockNotAcquired, match="tern"):
        await asyncmigrate.adopt(
            database.dsn, str(database.files), at="1", lock_wait=0.2
        )

    assert await pod.fetchval("SELECT pg_try_advisory_lock(9628173550095224)")
