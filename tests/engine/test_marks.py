import pytest

from asyncmigrate.errors import (
    ConflictsFound,
    InvalidUsage,
    MigrationFailed,
    TransactionEscaped,
    UnknownVersion,
)
from asyncmigrate.events import Recorded
from asyncmigrate.results import RepairAction
from tests.kit.app import App, versions

ACCEPT = RepairAction.ACCEPT_CHECKSUMS
APPLIED = RepairAction.MARK_APPLIED
PENDING = RepairAction.MARK_PENDING
RENUMBER = RepairAction.RENUMBER


@pytest.fixture
async def two(app: App) -> App:
    app.add(_0001_a="CREATE TABLE a (id int);", _0002_b="CREATE TABLE b (id int);")
    return app


async def trail(app: App) -> list[tuple[str, str, str]]:
    rows = await app.database.fetch(
        "SELECT event, version, detail FROM asyncmigrate.migration_events ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_a_baseline_marks_what_is_there_and_runs_nothing(two: App) -> None:
    two.add(_0003_c="CREATE TABLE c (id int);")

    report = await two.baseline("2")

    assert versions(report) == []
    assert await two.database.tables() == set()
    rows = await two.database.history()
    assert [(row["version"], row["origin"]) for row in rows] == [
        ("0001", "baseline"),
        ("0002", "baseline"),
    ]
    assert {row["execution_time_ms"] for row in rows} == {None}
    assert len(await trail(two)) == 2
    assert len(two.told(Recorded)) == 2
    assert versions(await two.migrate()) == ["+0003"]


async def test_a_baseline_again_or_higher_marks_the_rest_alone(two: App) -> None:
    await two.baseline("1")
    await two.baseline("2")
    await two.baseline("2")

    rows = await two.database.history()
    assert [row["version"] for row in rows] == ["0001", "0002"]


async def test_a_baseline_of_an_unknown_version_is_refused(two: App) -> None:
    with pytest.raises(UnknownVersion) as caught:
        await two.baseline("9")

    assert caught.value.nearest == ("0001", "0002")


async def test_files_before_a_baseline_may_be_edited_as_little_as_others(
    two: App,
) -> None:
    await two.baseline("2")
    two.add(_0001_a="CREATE TABLE other (id int);")

    with pytest.raises(ConflictsFound, match="edited"):
        await two.migrate()


async def test_an_edit_that_was_accepted_is_no_conflict_any_more(two: App) -> None:
    await two.migrate()
    two.add(_0001_a="CREATE TABLE a (id bigint);")

    shown = await two.repair(ACCEPT, dry_run=True)
    with pytest.raises(ConflictsFound):
        await two.migrate()
    await two.repair(ACCEPT)

    diffs = shown.details["diffs"]
    assert isinstance(diffs, list)
    assert "-CREATE TABLE a (id int);\n+CREATE TABLE a (id bigint);" in diffs[0]
    assert len(diffs) == 1
    assert (await two.status()).healthy
    ((event, version, detail),) = await trail(two)
    assert (event, version) == ("accept-checksum", "0001")
    assert "accepted the edit of 0001 a: sha256:" in detail
    assert await two.database.tables() == {"a", "b"}


async def test_nothing_edited_is_nothing_to_accept(two: App) -> None:
    await two.migrate()

    report = await two.repair(ACCEPT)

    assert report.details == {}
    assert await trail(two) == []


async def test_a_pending_version_is_marked_as_applied_without_running(
    two: App,
) -> None:
    await two.repair(APPLIED, "1")

    assert await two.standing() == {"0001": "applied", "0002": "pending"}
    assert versions(await two.migrate()) == ["+0002"]
    assert await two.database.tables() == {"b"}
    assert [event for event, *_ in await trail(two)] == ["mark-applied"]


async def test_marking_what_is_marked_already_writes_nothing(two: App) -> None:
    await two.migrate()

    await two.repair(APPLIED, "1")

    assert await trail(two) == []


async def test_an_applied_version_is_marked_as_pending_without_being_undone(
    two: App,
) -> None:
    await two.migrate()

    await two.repair(PENDING, "2")

    assert await two.standing() == {"0001": "applied", "0002": "pending"}
    assert await two.database.tables() == {"a", "b"}
    with pytest.raises(MigrationFailed, match="already exists"):
        await two.migrate()


async def test_a_missing_one_is_settled_by_marking_it_as_pending(two: App) -> None:
    await two.migrate()
    two.files.remove("0001_a.sql")
    with pytest.raises(ConflictsFound) as caught:
        await two.migrate()
    assert "--mark-pending 0001" in (caught.value.hint or "")

    await two.repair(PENDING, "0001")

    assert (await two.status()).healthy


@pytest.mark.parametrize("action", [APPLIED, PENDING])
async def test_an_unknown_version_cannot_be_marked(
    two: App, action: RepairAction
) -> None:
    with pytest.raises(UnknownVersion):
        await two.repair(action, "7")


async def test_a_renamed_file_takes_its_row_along(two: App) -> None:
    from asyncmigrate._api import run_repair  # noqa: PLC0415 - not in the library
    from asyncmigrate._settings import Settings  # noqa: PLC0415 - as above

    await two.migrate()
    two.files.rename("0002_b.sql", "0005_better.sql")
    settings = Settings(dsn=two.dsn, directory=(str(two.files),))

    await run_repair(settings, RENUMBER, renames={"0002": "0005"})
    await run_repair(settings, RENUMBER, renames={"0002": "0005"})

    assert await two.standing() == {"0001": "applied", "0005": "applied"}
    assert (await two.status()).healthy
    assert len(await trail(two)) == 1
    with pytest.raises(InvalidUsage, match="0001 is applied already"):
        await run_repair(settings, RENUMBER, renames={"0005": "0001"})
    with pytest.raises(UnknownVersion):
        await run_repair(settings, RENUMBER, renames={"0005": "0009"})
    with pytest.raises(UnknownVersion):
        await run_repair(settings, RENUMBER, renames={"0009": "0008"})


async def test_nothing_half_done_is_nothing_to_resume(two: App) -> None:
    await two.migrate()

    with pytest.raises(InvalidUsage, match="no migration stands half done"):
        await two.repair(RepairAction.RESUME)


async def test_a_half_done_migration_can_be_marked_either_way(app: App) -> None:
    app.files.add(
        "0001_t.py",
        "async def up(connection):\n"
        '    await connection.execute("CREATE TABLE t (id int)")\n'
        '    await connection.execute("COMMIT")\n',
    )
    with pytest.raises(TransactionEscaped):
        await app.migrate()
    await app.repair(APPLIED, "1")
    assert (await app.status()).healthy
    await app.repair(PENDING, "1")
    assert await app.standing() == {"0001": "pending"}
