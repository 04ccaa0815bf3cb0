import asyncio
from pathlib import Path

import anyio
import pytest

import asyncmigrate
from asyncmigrate.errors import (
    ConflictsFound,
    DatabaseUnreachable,
    InvalidUsage,
    MigrationFailed,
    UnknownVersion,
)
from asyncmigrate.events import (
    Connecting,
    Finished,
    LockAcquired,
    MigrationApplied,
    MigrationErred,
    MigrationStarted,
    Notice,
    Planned,
)
from asyncmigrate.results import MigrationReport, Outcome
from tests.kit.app import App, versions
from tests.kit.invariants import invariant
from tests.kit.proxy import listening


@invariant("I2")
async def test_pending_migrations_are_applied_in_the_order_of_their_numbers(
    app: App,
) -> None:
    app.add(
        _10_c="CREATE TABLE c (id int);",
        _2_b="CREATE TABLE b (id int);",
        _0001_a="CREATE TABLE a (id int);",
    )

    report = await app.migrate()

    assert versions(report) == ["+0001", "+2", "+10"]
    assert await app.database.tables() == {"a", "b", "c"}
    rows = await app.database.history()
    assert [row["version_key"] for row in rows] == ["1", "2", "10"]
    assert {row["run_id"] for row in rows} == {_uuid(report.run_id)}
    assert {row["state"] for row in rows} == {"applied"}


def _uuid(text: str | None) -> object:
    import uuid  # noqa: PLC0415 - this one function's

    assert text is not None
    return uuid.UUID(text)


async def test_a_row_says_what_was_applied_when_by_whom_and_of_which_release(
    app: App,
) -> None:
    app.add(_0001_a="-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;")

    await app.migrate(release="v7")

    (row,) = await app.database.history()
    assert (row["kind"], row["version"], row["name"]) == ("versioned", "0001", "a")
    assert row["file"] == "0001_a.sql"
    assert row["checksum"].startswith("sha256:")
    assert row["token_checksum"].startswith("tokens1:")
    assert row["down_checksum"].startswith("sha256:")
    assert row["applied_at"] >= row["started_at"]
    assert row["execution_time_ms"] >= 0
    assert row["applied_by"] == await app.database.fetchval("SELECT session_user")
    assert (row["origin"], row["release"], row["direction"]) == ("run", "v7", "up")
    assert row["tool_version"] == asyncmigrate.__version__
    scripts = await app.database.fetch(
        "SELECT checksum, script FROM asyncmigrate.migration_scripts"
    )
    assert {row["checksum"]: "SELECT 1;", row["down_checksum"]: "SELECT 2;"} == {
        each["checksum"]: each["script"].strip() for each in scripts
    }


@pytest.mark.parametrize(("keep", "kept"), [("all", 2), ("down", 1), ("none", 0)])
async def test_texts_are_kept_as_far_as_wanted(app: App, keep: str, kept: int) -> None:
    app.add(_0001_a="-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;")

    await app.migrate(store_scripts=keep)

    count = "SELECT count(*) FROM asyncmigrate.migration_scripts"
    assert await app.database.fetchval(count) == kept


async def test_a_second_run_applies_what_is_new_alone(app: App) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);")
    await app.migrate()
    app.add(_0002_b="CREATE TABLE b (id int);")

    second = await app.migrate()
    third = await app.migrate()

    assert versions(second) == ["+0002"]
    assert versions(third) == []
    assert third.run_id is None


async def test_a_target_stops_there_and_may_be_written_without_zeros(app: App) -> None:
    app.add(_0001_a="SELECT 1;", _0002_b="SELECT 1;", _0003_c="SELECT 1;")

    first = await app.migrate(target="2")
    again = await app.migrate(target="0001")

    assert versions(first) == ["+0001", "+0002"]
    assert versions(again) == []


async def test_an_unknown_target_is_refused_with_the_nearest_versions(app: App) -> None:
    app.add(_0001_a="SELECT 1;", _0003_c="SELECT 1;", _0009_d="SELECT 1;")

    with pytest.raises(UnknownVersion) as caught:
        await app.migrate(target="2")

    assert caught.value.exit_status == 2
    assert caught.value.hint == "the nearest are 0001, 0003, 0009"
    assert not await _tracked(app)


async def _tracked(app: App) -> bool:
    found = await app.database.fetchval("SELECT to_regnamespace('asyncmigrate')")
    return found is not None


@invariant("I2")
async def test_a_failing_migration_is_rolled_back_and_those_before_it_stand(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int);",
        _0002_b="CREATE TABLE b (id int); SELECT 1 / 0;",
        _0003_c="CREATE TABLE c (id int);",
    )

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert await app.database.tables() == {"a"}
    assert [row["version"] for row in await app.database.history()] == ["0001"]
    results = {r.version: r.status for r in caught.value.results}
    assert results == {"0001": Outcome.APPLIED, "0002": Outcome.FAILED}
    assert caught.value.run_id is not None
    assert caught.value.exit_status == 1


async def test_after_the_file_is_mended_the_next_run_goes_on(app: App) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);", _0002_b="SELECT 1 / 0;")
    with pytest.raises(MigrationFailed):
        await app.migrate()
    app.add(_0002_b="CREATE TABLE b (id int);")

    report = await app.migrate()

    assert versions(report) == ["+0002"]
    assert await app.standing() == {"0001": "applied", "0002": "applied"}


async def test_every_conflict_is_told_at_once_and_nothing_is_touched(app: App) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int);",
        _0003_c="CREATE TABLE c (id int);",
        _0005_e="CREATE TABLE e (id int);",
        _0007_g="CREATE TABLE g (id int);",
    )
    await app.migrate()
    before = await app.database.history()
    app.add(_0001_a="CREATE TABLE a (id bigint);")
    app.files.remove("0003_c.sql")
    app.files.rename("0005_e.sql", "0008_e.sql")
    app.add(_0004_d="CREATE TABLE d (id int);", _0009_i="-- UP\nSELECT 1;\n-- UP\n;")

    with pytest.raises(ConflictsFound) as caught:
        await app.migrate(target="12345")

    found = {(each.kind, each.version) for each in caught.value.conflicts}
    assert found >= {
        ("edited", "0001"),
        ("missing", "0003"),
        ("renamed", "0005"),
        ("late", "0004"),
        ("unknown", "12345"),
    }
    assert any(each.file == "0009_i.sql" for each in caught.value.conflicts)
    edited = next(each for each in caught.value.conflicts if each.kind == "edited")
    assert edited.diff is not None
    assert "-CREATE TABLE a (id int);\n+CREATE TABLE a (id bigint);" in edited.diff
    assert all(each.hint for each in caught.value.conflicts if each.kind != "invalid")
    assert caught.value.exit_status == 4
    assert await app.database.history() == before


async def test_an_edit_in_comments_alone_is_a_warning_and_is_told_once(
    app: App,
) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);")
    await app.migrate()
    app.add(_0001_a="-- why\nCREATE TABLE a\n  (id int);")

    idle = await app.migrate()
    app.add(_0002_b="SELECT 1;")
    busy = await app.migrate()
    afterwards = await app.migrate()

    told = "0001_a.sql was edited in comments or white space only"
    assert idle.warnings == (told,)
    assert busy.warnings == (told,)
    # A run that writes anyway has taken the new bytes down, not the checksum.
    assert afterwards.warnings == ()
    (row, _) = await app.database.history()
    app.add(_0001_a="CREATE TABLE a (id int);")
    assert (await app.migrate()).warnings == ()
    assert row["origin"] == "run"


async def test_a_file_moved_to_a_folder_is_the_same_migration(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    (Path(str(app.files)) / "old").mkdir()
    app.files.rename("0001_a.sql", "old/0001_a.sql")
    app.add(_0002_b="SELECT 1;")

    await app.migrate()

    rows = await app.database.history()
    assert [row["file"] for row in rows] == ["old/0001_a.sql", "0002_b.sql"]


async def test_an_older_release_warns_that_the_database_is_ahead(app: App) -> None:
    app.add(_0001_a="SELECT 1;", _0002_b="SELECT 1;")
    await app.migrate()
    app.files.remove("0002_b.sql")

    report = await app.migrate()

    assert versions(report) == []
    assert "the database is ahead of these files: 0002" in report.warnings[0]
    assert await app.standing() == {"0001": "applied", "0002": "ahead"}


async def test_a_late_migration_is_applied_when_that_is_allowed(app: App) -> None:
    app.add(_0002_b="SELECT 1;")
    await app.migrate()
    app.add(_0001_a="SELECT 1;")

    with pytest.raises(ConflictsFound, match="older than what is applied"):
        await app.migrate()
    report = await app.migrate(allow_out_of_order=True)

    assert versions(report) == ["+0001"]


async def test_a_whole_file_in_begin_and_commit_is_one_migration(app: App) -> None:
    app.add(
        _0001_a="BEGIN ISOLATION LEVEL SERIALIZABLE;\n"
        "CREATE TABLE a AS SELECT current_setting('transaction_isolation') AS level;\n"
        "COMMIT;"
    )

    await app.migrate()

    assert await app.database.fetchval("SELECT level FROM a") == "serializable"


async def test_a_commit_in_the_middle_is_refused_before_anything_runs(
    app: App,
) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int);",
        _0002_b="CREATE TABLE b (id int);\nCOMMIT;\nCREATE TABLE c (id int);\n\\d b\n",
    )

    with pytest.raises(ConflictsFound) as caught:
        await app.migrate()

    places = [(c.file, c.line, c.column) for c in caught.value.conflicts]
    assert places == [("0002_b.sql", 2, 1), ("0002_b.sql", 4, 1)]
    assert await app.database.tables() == set()
    assert not await _tracked(app)


async def test_copy_data_as_pg_dump_writes_it_is_loaded(app: App) -> None:
    app.add(
        _0001_a="CREATE TABLE a (id int, t text);\n"
        "COPY a (id, t) FROM stdin;\n1\tone\\ttab\n2\t\\N\n\\.\n\n"
        "INSERT INTO a VALUES (3, 'drei');"
    )

    await app.migrate()

    rows = await app.database.fetch("SELECT t FROM a ORDER BY id")
    assert [row["t"] for row in rows] == ["one\ttab", None, "drei"]


async def test_a_migration_named_with_quotes_spaces_and_other_scripts_is_applied(
    app: App,
) -> None:
    names = ['0001_it\'s "here".sql', "0002_löschen 表.sql", "0003_a\nb.sql"]
    for name in names:
        app.files.add(name, "SELECT 1;")

    report = await app.migrate()

    assert versions(report) == ["+0001", "+0002", "+0003"]
    assert [row["file"] for row in await app.database.history()] == names


async def test_what_happens_is_told_in_order(app: App) -> None:
    app.add(_0001_a="DO $$ BEGIN RAISE NOTICE 'hello'; END $$;", _0002_b="SELECT 1/0;")

    with pytest.raises(MigrationFailed):
        await app.migrate()

    kinds = [type(event) for event in app.events]
    assert kinds[:5] == [
        LockAcquired,
        Planned,
        MigrationStarted,
        Notice,
        MigrationApplied,
    ]
    assert app.told(Notice) == ["0001: NOTICE: hello"]
    assert kinds[-1] is MigrationErred
    assert app.told(MigrationErred)[0].startswith("[2/2] failed 0002: division by zero")


async def test_a_run_with_nothing_to_do_says_so(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    await app.migrate()
    app.events.clear()

    await app.migrate()

    assert [type(event) for event in app.events] == [Finished]
    assert str(app.events[0]) == "nothing to do"


async def test_a_reader_of_events_that_fails_harms_nobody(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    app.add(_0001_a="SELECT 1;", _0002_b="SELECT 1;")
    seen: list[object] = []

    def broken(event: object) -> None:
        seen.append(event)
        message = "no"
        raise RuntimeError(message)

    report = await app.migrate(on_event=broken)

    assert versions(report) == ["+0001", "+0002"]
    assert len(seen) == 1
    assert "a reader of events failed" in caplog.text


async def test_a_connection_factory_stands_in_for_a_dsn(app: App) -> None:
    import asyncpg  # noqa: PLC0415 - this one test's

    app.add(_0001_a="SELECT 1;")

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(app.dsn)

    report = await asyncmigrate.migrate(directory=str(app.files), connect=connect)

    assert versions(report) == ["+0001"]


async def test_a_database_that_comes_late_is_waited_for(app: App) -> None:
    app.add(_0001_a="SELECT 1;")
    async with listening(app.dsn) as first:
        dsn = first.dsn
    port = int(dsn.rpartition(":")[2].partition("/")[0])
    refused = anyio.Event()
    reports: list[MigrationReport] = []

    async def migrate() -> None:
        reports.append(
            await app.migrate(
                dsn=dsn,
                wait_for_database=20,
                on_event=lambda event: (
                    refused.set() if isinstance(event, Connecting) else None
                ),
            )
        )

    async with anyio.create_task_group() as group:
        group.start_soon(migrate)
        await refused.wait()
        async with listening(app.dsn, port):
            while not reports:  # noqa: ASYNC110 - nothing to be told by
                await anyio.sleep(0.02)

    assert versions(reports[0]) == ["+0001"]


async def test_a_database_that_does_not_come_is_given_up(app: App) -> None:
    app.add(_0001_a="SELECT 1;")

    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:1"):
        await app.migrate(dsn="postgresql://127.0.0.1:1/d", wait_for_database=0.3)

    assert app.told(Connecting) != []


@invariant("I8")
async def test_with_nothing_to_do_there_is_one_connection_one_query_and_no_lock(
    app: App,
) -> None:
    app.add(_0001_a="SELECT 1;", **{"repeatable/v": "SELECT 2;"})
    await app.migrate()
    before = await app.database.fetch("SELECT * FROM asyncmigrate.migration_locks")

    async with listening(app.dsn) as proxy:
        report = await app.migrate(dsn=proxy.dsn)

    assert versions(report) == []
    assert len(proxy.connections) == 1
    (query,) = proxy.queries
    assert "COPY (" in query
    assert "pg_try_advisory" not in query
    after = await app.database.fetch("SELECT * FROM asyncmigrate.migration_locks")
    assert after == before


@invariant("I7", "I1")
async def test_a_waiter_plans_again_under_the_lock(app: App) -> None:
    app.add(_0001_a="CREATE TABLE a (id int); SELECT pg_sleep(0.3);")
    app.add(_0002_b="CREATE TABLE b (id int);")
    second: list[MigrationReport] = []

    async def migrate_too() -> None:
        second.append(await app.migrate(on_event=None))

    async with anyio.create_task_group() as group:
        group.start_soon(migrate_too)
        first = await app.migrate()

    done = sorted(versions(first) + versions(second[0]))
    assert done == ["+0001", "+0002"]
    assert len(await app.database.history()) == 2


async def test_under_another_event_loop_it_says_so_at_once(app: App) -> None:
    app.add(_0001_a="SELECT 1;")

    def drive() -> None:
        work = asyncmigrate.migrate(app.dsn, str(app.files))
        try:
            work.send(None)
        finally:
            work.close()

    with pytest.raises(InvalidUsage, match="under asyncio"):
        await asyncio.to_thread(drive)


@pytest.mark.parametrize("there", [True, False])
async def test_an_empty_or_missing_directory_is_an_error(
    app: App, tmp_path: Path, *, there: bool
) -> None:
    place = tmp_path / "none"
    if there:
        place.mkdir()

    with pytest.raises(asyncmigrate.MigrationError) as caught:
        await app.migrate(directory=place)

    assert str(place) in str(caught.value)
    assert caught.value.exit_status == 4
    assert not await _tracked(app)


async def test_a_file_of_fifty_megabytes_is_applied_and_only_its_down_is_kept(
    app: App,
) -> None:
    value = "x" * 1023
    rows = ",\n".join(f"({n}, '{value}')" for n in range(50_000))
    app.add(
        _0001_a="-- UP\nCREATE TABLE a (id int, t text);\n"
        f"INSERT INTO a VALUES {rows};\n-- DOWN\nDROP TABLE a;"
    )

    await app.migrate()

    assert await app.database.fetchval("SELECT count(*) FROM a") == 50_000
    kept = await app.database.fetch("SELECT script FROM asyncmigrate.migration_scripts")
    assert [row["script"].strip() for row in kept] == ["DROP TABLE a;"]
