import pytest

from asyncmigrate.errors import (
    InvalidUsage,
    MigrationFailed,
    NotReversible,
    UnknownVersion,
)
from asyncmigrate.events import MigrationRolledBack
from asyncmigrate.results import Outcome
from tests.kit.app import App, versions
from tests.kit.catalogue import snapshot
from tests.kit.invariants import invariant


def table(name: str) -> str:
    return f"-- UP\nCREATE TABLE {name} (id int);\n-- DOWN\nDROP TABLE {name};\n"


@pytest.fixture
async def three(app: App) -> App:
    app.add(_0001_a=table("a"), _0002_b=table("b"), _0003_c=table("c"))
    await app.migrate()
    app.events.clear()
    return app


async def test_the_newest_is_undone_and_its_row_stays_as_a_record(three: App) -> None:
    report = await three.rollback()

    assert versions(report) == ["-0003"]
    assert await three.database.tables() == {"a", "b"}
    row = (await three.database.history())[-1]
    assert row["rolled_back_at"] is not None
    assert row["rolled_back_by"] == await three.database.fetchval("SELECT session_user")
    assert row["direction"] == "down"
    assert [result.source for result in report] == ["file"]


async def test_several_steps_are_undone_newest_first(three: App) -> None:
    assert versions(await three.rollback(steps=2)) == ["-0003", "-0002"]


async def test_more_steps_than_there_are_undo_everything(three: App) -> None:
    assert versions(await three.rollback(steps=9)) == ["-0003", "-0002", "-0001"]
    assert versions(await three.rollback()) == []


async def test_a_target_stays_and_all_that_is_newer_goes(three: App) -> None:
    assert versions(await three.rollback(target="1")) == ["-0003", "-0002"]
    assert versions(await three.rollback(target="0001")) == []


async def test_to_zero_everything_goes_and_the_catalogue_is_as_before(
    app: App,
) -> None:
    connection = await app.database.connect()
    before = await snapshot(connection)
    app.add(_0001_a=table("a"), _0002_b=table("b"))
    await app.migrate()

    await app.rollback(target="0")

    assert await snapshot(connection) == before


async def test_a_version_zero_is_a_version_like_any_other(app: App) -> None:
    app.add(_0_zero=table("zero"), _1_one=table("one"))
    await app.migrate()

    assert versions(await app.rollback(target="0")) == ["-1"]


async def test_the_last_run_is_undone_as_a_whole(app: App) -> None:
    app.add(_0001_a=table("a"))
    await app.migrate()
    app.add(_0002_b=table("b"), _0003_c=table("c"))
    await app.migrate()

    assert versions(await app.rollback(last_run=True)) == ["-0003", "-0002"]
    assert versions(await app.rollback(last_run=True)) == ["-0001"]


async def test_an_unknown_target_is_refused_with_the_nearest(three: App) -> None:
    with pytest.raises(UnknownVersion) as caught:
        await three.rollback(target="7")

    assert caught.value.nearest == ("0002", "0003")
    assert await three.database.tables() == {"a", "b", "c"}


async def test_a_migration_whose_file_is_gone_is_undone_by_its_stored_down(
    three: App,
) -> None:
    three.files.remove("0003_c.sql")
    three.files.remove("0002_b.sql")

    report = await three.rollback(steps=2)

    assert versions(report) == ["-0003", "-0002"]
    assert [result.source for result in report] == ["stored", "stored"]
    assert await three.database.tables() == {"a"}
    assert "(DOWN from the database)" in three.told(MigrationRolledBack)[0]


async def test_the_down_of_the_file_is_preferred_and_may_have_been_improved(
    three: App,
) -> None:
    three.add(_0003_c=table("c") + "CREATE TABLE traces (id int);\n")

    report = await three.rollback()

    assert [result.source for result in report] == ["file"]
    assert await three.database.tables() == {"a", "b", "traces"}


async def test_a_down_written_after_the_migration_was_applied_is_stored_by_the_next_run(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);")
    await app.migrate()
    app.add(_0001_a=table("a"), _0002_b=table("b"))
    await app.migrate()
    app.files.remove("0001_a.sql")

    report = await app.rollback(target="0")

    assert versions(report) == ["-0002", "-0001"]
    assert await app.database.tables() == set()


async def test_directives_of_a_stored_down_hold(app: App) -> None:
    app.add(
        _0001_a="-- asyncmigrate: lock-timeout=7s\n-- UP\nCREATE TABLE a (id int);\n"
        "-- DOWN\nCREATE TABLE seen AS SELECT current_setting('lock_timeout') AS s;",
        _0002_b=table("b"),
    )
    await app.migrate()
    app.files.remove("0001_a.sql")

    await app.rollback(target="0")

    assert await app.database.fetchval("SELECT s FROM seen") == "7s"


async def test_without_a_down_nothing_is_touched_and_all_of_them_are_named(
    app: App,
) -> None:
    app.add(
        _0001_a="SELECT 1;",
        _0002_b="-- asyncmigrate: irreversible\nSELECT 1;",
        _0003_c=table("c"),
    )
    await app.migrate()

    with pytest.raises(NotReversible) as caught:
        await app.rollback(target="0")

    assert "0002 (0002_b.sql), 0001 (0001_a.sql)" in caught.value.message
    assert caught.value.exit_status == 2
    assert await app.database.tables() == {"c"}
    assert await app.standing() == dict.fromkeys(["0001", "0002", "0003"], "applied")


async def test_a_file_that_is_gone_and_was_not_kept_has_no_down(app: App) -> None:
    app.add(_0001_a=table("a"), _0002_b=table("b"))
    await app.migrate(store_scripts="none")
    app.files.remove("0002_b.sql")

    with pytest.raises(NotReversible, match="0002"):
        await app.rollback()


async def test_a_version_that_was_rolled_back_applies_again(three: App) -> None:
    await three.rollback(steps=2)
    three.add(_0002_b=table("b2"))

    report = await three.migrate()

    assert versions(report) == ["+0002", "+0003"]
    assert await three.database.tables() == {"a", "b2", "c"}
    standing = [
        row["version"]
        for row in await three.database.history()
        if row["rolled_back_at"] is None
    ]
    assert sorted(standing) == ["0001", "0002", "0003"]
    assert len(await three.database.history()) == 5


async def test_what_a_baseline_marked_is_not_undone(app: App) -> None:
    app.add(_0001_a=table("a"), _0002_b=table("b"))
    await app.baseline("1")
    await app.migrate()

    with pytest.raises(NotReversible, match="there before asyncmigrate"):
        await app.rollback(target="0")
    report = await app.rollback(target="1")

    assert versions(report) == ["-0002"]


@invariant("I2")
async def test_a_roll_back_that_fails_half_way_leaves_what_was_undone_before(
    three: App,
) -> None:
    three.add(_0002_b=table("b").replace("DROP TABLE b", "DROP TABLE nowhere"))

    with pytest.raises(MigrationFailed) as caught:
        await three.rollback(target="0")

    assert await three.database.tables() == {"a", "b"}
    results = [(r.version, r.status) for r in caught.value.results]
    assert results == [("0003", Outcome.ROLLED_BACK), ("0002", Outcome.FAILED)]
    assert "roll-back of migration 0002 failed" in caught.value.message
    assert await three.standing() == {
        "0001": "applied",
        "0002": "applied",
        "0003": "pending",
    }


async def test_redo_undoes_the_newest_and_applies_it_again(three: App) -> None:
    three.add(_0003_c=table("c").replace("id int", "id bigint"))

    report = await three.redo()

    assert versions(report) == ["-0003", "+0003"]
    column = "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attname = 'id'"
    kind = await three.database.fetchval(f"{column} AND attrelid = 'c'::regclass")
    assert kind == "bigint"


async def test_redo_without_the_file_is_refused_before_anything_is_undone(
    three: App,
) -> None:
    three.files.remove("0003_c.sql")

    with pytest.raises(NotReversible, match="cannot be applied again"):
        await three.redo()

    assert await three.database.tables() == {"a", "b", "c"}


async def test_nothing_applied_is_nothing_to_roll_back(app: App) -> None:
    app.add(_0001_a=table("a"))

    assert versions(await app.rollback()) == []
    assert versions(await app.redo()) == []
    assert versions(await app.rollback(target="0")) == []
    found = await app.database.fetchval("SELECT to_regnamespace('asyncmigrate')")
    assert found is None


@pytest.mark.parametrize(
    "options",
    [{"steps": 1, "target": "1"}, {"steps": 0}, {"last_run": True, "steps": 1}],
)
async def test_wishes_that_contradict_each_other_are_refused(
    app: App, options: dict[str, object]
) -> None:
    app.add(_0001_a=table("a"))

    with pytest.raises(InvalidUsage):
        await app.rollback(**options)


async def test_two_roll_backs_at_once_undo_the_same_one_once(three: App) -> None:
    import anyio  # noqa: PLC0415 - this one test's

    done: list[str] = []

    async def roll_back() -> None:
        done.extend(versions(await three.rollback()))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(roll_back)

    assert done == ["-0003"]
    assert await three.database.tables() == {"a", "b"}
