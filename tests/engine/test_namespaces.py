import anyio
import pytest

from asyncmigrate.errors import ConflictsFound
from tests.kit.app import App, versions
from tests.kit.files import Files

NAMES = ["default", "other", "Ünïcode 'quoted' \"twice\"", "a\\b\nc"]


def table(name: str) -> str:
    return f"-- UP\nCREATE TABLE {name} (id int);\n-- DOWN\nDROP TABLE {name};"


async def test_two_namespaces_of_a_database_do_not_notice_each_other(
    app: App,
) -> None:
    app.add(_0001_a=table("a"), _0002_b=table("b"))
    theirs = Files(app.files.path.parent / "theirs")
    theirs.add("0001_x.sql", table("x"))

    ours = await app.migrate()
    others = await app.migrate(namespace="library", directory=str(theirs))
    back = await app.rollback(namespace="library", directory=str(theirs), target="0")

    assert versions(ours) == ["+0001", "+0002"]
    assert versions(others) == ["+0001"]
    assert versions(back) == ["-0001"]
    assert await app.database.tables() == {"a", "b"}
    assert await app.standing() == {"0001": "applied", "0002": "applied"}


@pytest.mark.parametrize("namespace", NAMES)
async def test_a_namespace_may_have_any_name(app: App, namespace: str) -> None:
    app.add(_0001_a=table("a"))

    await app.migrate(namespace=namespace)

    assert versions(await app.migrate(namespace=namespace)) == []
    assert (await app.status(namespace=namespace)).namespace == namespace
    assert {row["namespace"] for row in await app.database.history()} == {namespace}
    assert versions(await app.rollback(namespace=namespace)) == ["-0001"]


async def test_each_namespace_has_a_lock_of_its_own(app: App) -> None:
    app.add(_0001_a="SELECT pg_sleep(0.4);")
    quick = Files(app.files.path.parent / "quick")
    quick.add("0001_a.sql", "SELECT 1;")
    await app.migrate(namespace="quick", directory=str(quick))
    quick.add("0002_b.sql", "SELECT 1;")
    done: list[str] = []

    async def migrate(name: str, **options: str) -> None:
        await app.migrate(namespace=name, **options)
        done.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(migrate, "slow")
        await anyio.sleep(0.1)
        await migrate("quick", directory=str(quick))

    assert done == ["quick", "slow"]


async def test_a_script_is_kept_for_each_namespace(app: App) -> None:
    app.add(_0001_a=table("a"))
    await app.migrate(namespace="one")
    await app.database.execute("DROP TABLE a")
    await app.migrate(namespace="two")

    scripts = await app.database.fetch(
        "SELECT namespace, count(*) FROM asyncmigrate.migration_scripts GROUP BY 1"
    )
    assert {tuple(row) for row in scripts} == {("one", 2), ("two", 2)}


async def test_a_conflict_in_one_namespace_stops_no_other(app: App) -> None:
    app.add(_0001_a=table("a"))
    await app.migrate(namespace="one")
    app.add(_0001_a=table("b"))

    with pytest.raises(ConflictsFound):
        await app.migrate(namespace="one")
    assert versions(await app.migrate(namespace="two")) == ["+0001"]


async def test_tracking_schemas_keep_apart_as_well(app: App) -> None:
    app.add(_0001_a="SELECT 1;")

    first = await app.migrate()
    second = await app.migrate(tracking_schema="elsewhere")

    assert versions(first) == versions(second) == ["+0001"]
    assert len(await app.database.history("elsewhere")) == 1
