import re

import pytest

from asyncmigrate.errors import ConflictsFound, NotReversible, UnknownVersion
from asyncmigrate.results import RepairAction
from tests.kit.app import App, versions
from tests.kit.catalogue import snapshot
from tests.kit.proxy import listening

SQL = "CREATE TABLE a (id int);"
ONE_READING = re.compile(r"(\s*SELECT\b[^;]*;)?COPY \([^;]*\) TO STDOUT *")


async def test_it_tells_in_order_what_would_run_with_its_sql(app: App) -> None:
    app.add(_0002_b="SELECT 2;", _0001_a=f"-- UP\n{SQL}\n-- DOWN\nDROP TABLE a;")
    app.files.add("0003_c.py", "async def up(connection): ...\n")
    app.files.add("repeatable/v.sql", "SELECT 4;")

    report = await app.migrate(dry_run=True)

    assert versions(report) == ["?0001", "?0002", "?0003", "?repeatable/v.sql"]
    assert [(result.sql or "").strip() for result in report] == [
        SQL,
        "SELECT 2;",
        "",
        "SELECT 4;",
    ]
    assert report.dry_run
    assert report.run_id is None


async def test_it_changes_nothing_at_all_and_takes_no_lock(app: App) -> None:
    app.add(_0001_a=SQL)
    connection = await app.database.connect()
    before = await snapshot(connection, ignoring=())

    async with listening(app.dsn) as proxy:
        await app.migrate(dry_run=True, dsn=proxy.dsn)

    assert await snapshot(connection, ignoring=()) == before
    assert [query for query in proxy.queries if "advisory" in query.lower()] == []
    assert [q for q in proxy.queries if not ONE_READING.fullmatch(q)] == []


async def test_a_role_that_may_only_connect_can_ask(app: App) -> None:
    app.add(_0001_a=SQL)
    role = await app.database.role()

    report = await app.migrate(dry_run=True, dsn=app.database.dsn_of(role))

    assert versions(report) == ["?0001"]


async def test_it_stops_at_the_target(app: App) -> None:
    app.add(_0001_a=SQL, _0002_b="SELECT 1;")

    assert versions(await app.migrate(dry_run=True, target="1")) == ["?0001"]


async def test_it_refuses_what_the_run_would_refuse(app: App) -> None:
    app.add(_0001_a="SELECT 1; COMMIT; SELECT 2;")
    with pytest.raises(ConflictsFound):
        await app.migrate(dry_run=True)

    app.add(_0001_a="SELECT 1;")
    with pytest.raises(UnknownVersion):
        await app.migrate(dry_run=True, target="8")


async def test_a_dry_roll_back_shows_each_down_and_where_it_comes_from(
    app: App,
) -> None:
    app.add(
        _0001_a=f"-- UP\n{SQL}\n-- DOWN\nDROP TABLE a;",
        _0002_b="-- UP\nSELECT 2;\n-- DOWN\nSELECT 3;",
    )
    await app.migrate()
    app.files.remove("0002_b.sql")
    before = await app.database.history()

    report = await app.rollback(target="0", dry_run=True)

    assert versions(report) == ["?0002", "?0001"]
    assert [result.source for result in report] == ["stored", "file"]
    assert [(result.sql or "").strip() for result in report] == [
        "SELECT 3;",
        "DROP TABLE a;",
    ]
    assert await app.database.history() == before


async def test_a_dry_roll_back_without_a_down_says_which(app: App) -> None:
    app.add(_0001_a=SQL)
    await app.migrate()

    with pytest.raises(NotReversible, match="0001"):
        await app.rollback(dry_run=True)


async def test_a_dry_repair_says_what_it_finds_and_what_it_would_write(
    app: App,
) -> None:
    app.add(_0001_a=SQL, _0002_b="SELECT 1;")
    await app.migrate(target="1")

    report = await app.repair(RepairAction.MARK_APPLIED, "2", dry_run=True)

    assert report.details["found"] == ["0002 has no row in the history"]
    assert report.details["writes"] == ["marked 0002 b as applied without running it"]
    assert await app.standing() == {"0001": "applied", "0002": "pending"}
