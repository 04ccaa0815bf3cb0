"""An adoption is a run like any other: one at a time, cancelled and cut off safely."""

import anyio

from asyncmigrate.events import Event, LockWaiting
from asyncmigrate.results import MigrationReport
from tests.adopt.conftest import Switch, SwitchFrom
from tests.adopt.test_in_place import BY_NAME, events
from tests.kit.locks import holders, nothing_is_left
from tests.kit.polling import eventually
from tests.kit.proxy import listening


async def test_of_several_that_adopt_at_once_one_writes(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    reports: list[MigrationReport] = []

    async def adopt() -> None:
        reports.append(await switch.adopt())

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(adopt)

    assert sum("written" in report.details for report in reports) == 1
    assert len(await switch.database.history()) == len(switch.files()) - 1
    assert len(await events(switch)) == 1
    assert await nothing_is_left(switch.database)


async def test_a_connection_that_is_lost_at_the_commit_is_settled_by_looking_again(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    async with listening(switch.database.dsn) as proxy:
        cut = False

        async def cut_after_the_commit(query: str) -> bool:
            nonlocal cut
            if not cut and "took over" in query:
                cut = proxy.is_deaf = True

                async def soon() -> None:
                    await eventually(lambda: events_are_there(switch))
                    proxy.is_deaf = False
                    proxy.cut()

                group.start_soon(soon)
            return True

        proxy.on_query = cut_after_the_commit
        async with anyio.create_task_group() as group:
            await switch.adopt(dsn=proxy.dsn)

    assert cut
    assert len(await switch.database.history()) == len(switch.files()) - 1
    assert len(await events(switch)) == 1
    assert await holders(switch.database) == []


async def events_are_there(switch: Switch) -> bool:
    return bool(await events(switch))


async def test_one_that_is_cancelled_while_it_waits_leaves_nothing_behind(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    pod = await switch.database.connect()
    await pod.execute("BEGIN; SELECT FROM goose_db_version")

    with anyio.CancelScope() as scope:

        def heard(event: Event) -> None:
            if isinstance(event, LockWaiting):
                scope.cancel()

        await switch.adopt(on_event=heard)

    assert scope.cancelled_caught
    assert await eventually(lambda: nothing_is_left(switch.database))
    assert await switch.database.history() == []
    assert await pod.fetchval("SELECT pg_try_advisory_lock(4097083626)")


async def test_a_namespace_has_an_adoption_of_its_own(switch_from: SwitchFrom) -> None:
    switch = await switch_from(BY_NAME["goose"])

    await switch.adopt(namespace="shop")

    assert (await switch.status(namespace="shop")).pending == 1
    assert (await switch.status()).applied == 0
    await switch.add(switch.files()[-1:])
    assert (await switch.status(namespace="shop")).warnings
    assert (await switch.status()).warnings == ()


async def test_nothing_is_asked_of_a_database_that_never_adopted(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.migrate(target="2", tracking_schema="fresh")
    async with listening(switch.database.dsn) as proxy:
        await switch.migrate(dsn=proxy.dsn, target="2", tracking_schema="fresh")
        never = len(proxy.queries)
    await switch.adopt(at="20240318090000")
    async with listening(switch.database.dsn) as proxy:
        await switch.migrate(dsn=proxy.dsn)
        adopted = proxy.queries

    assert never == 1
    assert len(adopted) == 3
