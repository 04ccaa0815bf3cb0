import pytest

from asyncmigrate.errors import MigrationFailed
from asyncmigrate.events import Warned
from tests.kit.app import App, versions


def view(name: str, query: str, *, down: bool = True) -> str:
    up = f"-- UP\nCREATE OR REPLACE VIEW {name} AS {query};\n"
    return up + (f"-- DOWN\nDROP VIEW {name};\n" if down else "")


TABLE = "-- UP\nCREATE TABLE t (a int, b int);\n-- DOWN\nDROP TABLE t;"


def add(app: App, text: str, name: str = "v") -> None:
    app.files.add(f"repeatable/{name}.sql", text)


async def test_a_repeatable_comes_last_and_again_whenever_it_changes(app: App) -> None:
    app.add(_0001_t=TABLE)
    add(app, view("v", "SELECT a FROM t"))

    first = await app.migrate()
    second = await app.migrate()
    add(app, view("v", "SELECT a, b FROM t"))
    app.add(_0002_u="SELECT 1;")
    third = await app.migrate()

    assert versions(first) == ["+0001", "+repeatable/v.sql"]
    assert versions(second) == []
    assert versions(third) == ["+0002", "+repeatable/v.sql"]
    assert await app.database.fetch("SELECT a, b FROM v") == []


async def test_it_is_known_by_its_path(app: App) -> None:
    add(app, "SELECT 1;", "views/v")
    await app.migrate()

    (row,) = await app.database.history()

    assert (row["kind"], row["version_key"]) == ("repeatable", "repeatable/views/v.sql")


async def test_a_change_is_pending_in_the_status(app: App) -> None:
    add(app, "SELECT 1;")
    await app.migrate()
    assert (await app.status()).healthy

    add(app, "SELECT 2;")

    assert await app.standing() == {"repeatable/v.sql": "pending"}
    assert not (await app.status()).healthy


async def test_while_the_database_is_ahead_none_is_reapplied(app: App) -> None:
    app.add(_0001_t=TABLE, _0002_u="SELECT 1;")
    add(app, view("v", "SELECT a FROM t"))
    await app.migrate()
    app.files.remove("0002_u.sql")
    add(app, view("v", "SELECT a, b FROM t"))

    report = await app.migrate()

    assert versions(report) == []
    assert any("left alone while the database is ahead" in w for w in report.warnings)


async def test_a_target_below_the_newest_holds_repeatables_back(app: App) -> None:
    app.add(_0001_t=TABLE, _0002_u="ALTER TABLE t ADD c int;")
    add(app, view("v", "SELECT c FROM t"))

    assert versions(await app.migrate(target="1")) == ["+0001"]
    assert versions(await app.migrate()) == ["+0002", "+repeatable/v.sql"]


async def test_a_roll_back_undoes_repeatables_first_and_puts_them_back(
    app: App,
) -> None:
    app.add(_0001_t=TABLE, _0002_u="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;")
    add(app, view("v", "SELECT a FROM t"))
    await app.migrate()

    report = await app.rollback()

    assert versions(report) == ["-repeatable/v.sql", "-0002", "+repeatable/v.sql"]
    assert (await app.standing())["repeatable/v.sql"] == "applied"


async def test_one_that_can_no_longer_be_put_back_is_pending_with_a_warning(
    app: App,
) -> None:
    app.add(
        _0001_t=TABLE,
        _0002_c="-- UP\nALTER TABLE t ADD c int;\n-- DOWN\nALTER TABLE t DROP c;",
    )
    add(app, view("v", "SELECT c FROM t"))
    add(app, view("w", "SELECT a FROM t"), "w")
    await app.migrate()

    report = await app.rollback()

    assert versions(report) == [
        "-repeatable/w.sql",
        "-repeatable/v.sql",
        "-0002",
        "+repeatable/w.sql",
    ]
    assert any(
        "repeatable/v.sql could not be applied again" in w for w in report.warnings
    )
    assert app.told(Warned) != []
    assert (await app.standing())["repeatable/v.sql"] == "pending"


async def test_when_everything_is_undone_they_stay_undone(app: App) -> None:
    app.add(_0001_t=TABLE)
    add(app, view("v", "SELECT a FROM t"))
    await app.migrate()

    report = await app.rollback(target="0")

    assert versions(report) == ["-repeatable/v.sql", "-0001"]
    assert await app.standing() == {"0001": "pending", "repeatable/v.sql": "pending"}


async def test_one_that_was_undone_is_pending_however_often_it_was_applied(
    app: App,
) -> None:
    app.add(_0001_t=TABLE)
    first, second = view("v", "SELECT a FROM t"), view("v", "SELECT a, b FROM t")
    add(app, first)
    await app.migrate()
    add(app, second)
    await app.migrate()
    await app.rollback(target="0")
    add(app, first)

    report = await app.migrate()

    assert versions(report) == ["+0001", "+repeatable/v.sql"]
    assert await app.database.fetch("SELECT a FROM v") == []


async def test_an_older_release_rolls_newer_migrations_back_and_puts_its_views_back(
    app: App,
) -> None:
    app.add(
        _0001_t=TABLE,
        _0002_c="-- UP\nALTER TABLE t ADD c int;\n-- DOWN\nALTER TABLE t DROP c;",
    )
    add(app, view("v", "SELECT a, c FROM t"))
    await app.migrate()
    app.files.remove("0002_c.sql")
    add(app, view("v", "SELECT a FROM t"))

    report = await app.rollback(target="1")

    assert versions(report) == ["-repeatable/v.sql", "-0002", "+repeatable/v.sql"]
    assert (await app.status()).healthy


async def test_they_stay_undone_while_the_database_is_still_ahead(app: App) -> None:
    app.add(
        _0001_t=TABLE,
        _0002_b="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;",
        _0003_c="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;",
    )
    add(app, view("v", "SELECT a FROM t"))
    await app.migrate()
    app.files.remove("0002_b.sql")
    app.files.remove("0003_c.sql")

    report = await app.rollback()

    assert versions(report) == ["-repeatable/v.sql", "-0003"]
    assert any("stay undone while the database is ahead" in w for w in report.warnings)


async def test_one_without_a_down_is_left_alone_by_a_roll_back(app: App) -> None:
    app.add(_0001_t="-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;")
    add(app, view("v", "SELECT 1 AS one", down=False))
    await app.migrate()

    assert versions(await app.rollback(target="0")) == ["-0001"]
    assert (await app.standing())["repeatable/v.sql"] == "applied"


async def test_one_whose_file_is_gone_is_a_warning(app: App) -> None:
    app.add(_0001_t=TABLE)
    add(app, view("v", "SELECT a FROM t"))
    await app.migrate()
    app.files.remove("repeatable/v.sql")

    report = await app.migrate()

    assert report.warnings == ("the file of the repeatable repeatable/v.sql is gone",)


async def test_one_that_fails_leaves_the_old_one_as_it_was(app: App) -> None:
    app.add(_0001_t=TABLE)
    add(app, view("v", "SELECT a FROM t"))
    await app.migrate()
    add(app, view("v", "SELECT nothing FROM t"))

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert caught.value.file == "repeatable/v.sql"
    assert caught.value.line == 2
    assert await app.database.fetch("SELECT a FROM v") == []
    assert await app.standing() == {"0001": "applied", "repeatable/v.sql": "pending"}


async def test_they_find_their_order_by_themselves(app: App) -> None:
    app.add(_0001_t=TABLE)
    add(app, view("a", "SELECT * FROM b"), "a")
    add(app, view("b", "SELECT * FROM c"), "b")
    add(app, view("c", "SELECT a FROM t"), "c")

    report = await app.migrate()

    assert versions(report) == [
        "+0001",
        "+repeatable/c.sql",
        "+repeatable/b.sql",
        "+repeatable/a.sql",
    ]
    assert await app.database.fetch("SELECT * FROM a") == []
    assert (await app.status()).healthy


async def test_without_progress_every_reason_is_told_and_none_stands(app: App) -> None:
    app.add(_0001_t=TABLE)
    add(app, view("a", "SELECT * FROM b"), "a")
    add(app, view("b", "SELECT * FROM a"), "b")
    add(app, view("good", "SELECT a FROM t"), "good")

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert 'relation "b" does not exist' in str(caught.value)
    assert "repeatable/b.sql" in (caught.value.detail or "")
    assert [f"{each.status}" for each in caught.value.results] == [
        "applied",
        "skipped",
        "failed",
    ]
    assert await app.standing() == {
        "0001": "applied",
        "repeatable/a.sql": "pending",
        "repeatable/b.sql": "pending",
        "repeatable/good.sql": "pending",
    }
    assert await app.database.fetchval("SELECT to_regclass('good')") is None


async def test_one_that_fails_for_another_reason_takes_the_others_with_it(
    app: App,
) -> None:
    add(app, "CREATE OR REPLACE VIEW x AS SELECT 1 AS y;", "a")
    add(app, "SELECT 1 / 0;", "b")

    with pytest.raises(MigrationFailed, match="division by zero"):
        await app.migrate()

    assert await app.database.fetchval("SELECT to_regclass('x')") is None
    assert await app.database.history() == []
