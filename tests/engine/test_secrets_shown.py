"""No secret of a script is shown or stored: neither a placeholder's value nor a literal."""

import dataclasses
import traceback

import pytest

from asyncmigrate.errors import MigrationError, MigrationFailed, TableLockNotAcquired
from asyncmigrate.events import MigrationRetried, Notice
from tests.kit.app import App

SECRET = "hunter2hunter2"  # noqa: S105 - looked for, and never found
FILLED = "-- asyncmigrate: placeholders=flyway\n"


def raising(sqlstate: str) -> str:
    return (
        f"{FILLED}DO $$ BEGIN RAISE EXCEPTION 'no ${{password}}' USING ERRCODE ="
        f" '{sqlstate}', DETAIL = 'not ${{password}}', HINT = 'try ${{password}}';"
        " END $$;"
    )


WANTING = FILLED + 'CREATE VIEW v AS TABLE "${password}";'
FAILING = {
    "an error": {"1_a.sql": raising("22000")},
    "an error that is tried again": {"1_a.sql": raising("40001")},
    "an error of a statement by itself": {
        "1_a.sql": raising("40001").replace("\n", " transaction=off\nSELECT 1;", 1)
    },
    "an error outside a transaction": {
        "1_a.sql": f"{FILLED}CREATE TABLE a (b) AS VALUES ('${{password}}'), ('${{password}}');",
        "2_b.sql": "-- asyncmigrate: placeholders=flyway transaction=off\n"
        'CREATE UNIQUE INDEX CONCURRENTLY "${password}" ON a (b);',
    },
    "an index that is in the way": {
        "1_a.sql": f'{FILLED}CREATE TABLE a (b int); CREATE INDEX "${{password}}" ON a (b);',
        "2_b.sql": "-- asyncmigrate: placeholders=flyway transaction=off\n"
        'CREATE INDEX CONCURRENTLY "${password}" ON a (b);',
    },
    "repeatables": {"repeatable/a.sql": WANTING, "repeatable/b.sql": WANTING},
    "a repeatable that is tried again": {
        "repeatable/a.sql": raising("40001"),
        "repeatable/b.sql": "SELECT 1;",
    },
}


STORED = """
SELECT t::text FROM asyncmigrate.schema_migrations AS t
UNION ALL SELECT t::text FROM asyncmigrate.migration_events AS t
"""


async def found_in(app: App, error: MigrationError | None) -> list[str]:
    """Everything that was shown or stored."""
    texts = [f"{event} {dataclasses.asdict(event)}" for event in app.events]
    texts += [str(row[0]) for row in await app.database.fetch(STORED)]
    if error is not None:
        texts += [*traceback.format_exception(error), str(vars(error))]
    return texts


@pytest.mark.parametrize(
    ("what", "together"),
    [
        (what, together)
        for what, files in FAILING.items()
        for together in (False, True)
        if not (together and "transaction=off" in str(files))
    ],
)
async def test_no_failure_shows_a_placeholders_value(
    app: App, what: str, *, together: bool
) -> None:
    for name, text in FAILING[what].items():
        app.files.add(name, text)

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate(
            placeholders={"password": SECRET},
            lock_retries=2,
            single_transaction=together,
        )

    texts = await found_in(app, caught.value)
    assert [text for text in texts if SECRET in text] == []
    assert any("${password}" in text for text in texts)
    assert bool(app.told(MigrationRetried)) == ("40001" in str(FAILING[what]))


async def test_no_notice_shows_a_placeholders_value(app: App) -> None:
    app.add(_1=f"{FILLED}DO $$ BEGIN RAISE NOTICE 'is ${{password}}'; END $$;")

    await app.migrate(placeholders={"password": SECRET})

    assert "is ${password}" in app.told(Notice)[0]


async def test_no_warning_of_a_repeatable_shows_a_placeholders_value(app: App) -> None:
    down = "\n-- DOWN\nDROP VIEW {};"
    app.add(
        _1=f'{FILLED}-- UP\nCREATE TABLE "${{password}}" ();\n-- DOWN\n'
        'DROP TABLE "${password}";'
    )
    for name in "v", "w":
        text = WANTING.replace("VIEW v", f"VIEW {name}") + down.format(name)
        app.files.add(f"repeatable/{name}.sql", f"{text}")
    app.add(_0="SELECT 1;\n-- DOWN\nSELECT 1;")
    await app.migrate(placeholders={"password": SECRET})
    app.events.clear()

    report = await app.rollback(placeholders={"password": SECRET})

    assert len(report.warnings) == 2
    assert 'relation "${password}" does not exist' in report.warnings[0]
    assert [text for text in await found_in(app, None) if SECRET in text] == []


async def test_a_value_in_our_own_verdict_hides_it_from_nobody_who_judges(
    app: App,
) -> None:
    app.add(_1=f"{FILLED}SELECT '${{word}}', pg_advisory_unlock_all();")

    with pytest.raises(MigrationFailed, match="released the lock of the run"):
        await app.migrate(placeholders={"word": "script"})


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE nobody_at_all PASSWORD 'hunter2'",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE nobody_at_all PASSWORD ''hunter2'''; END $$",
        "CREATE USER MAPPING FOR nobody_at_all SERVER s OPTIONS (password 'hunter2')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p, p",
    ],
)
async def test_a_failing_statement_is_shown_without_its_password(
    app: App, statement: str
) -> None:
    app.add(_1=f"{statement};")

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert caught.value.statement is not None
    assert "***" in caught.value.statement
    texts = await found_in(app, caught.value)
    assert [text for text in texts if "hunter2" in text] == []


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("SELECT nothing /* PASSWORD 'hunter2' */ WHERE true", len("SELECT ")),
        ("SELECT 1 /* PASSWORD 'hunter2' */, nothing", None),
    ],
)
async def test_a_caret_stays_where_nothing_before_it_is_hidden(
    app: App, statement: str, position: int | None
) -> None:
    app.add(_1=f"{statement};")

    with pytest.raises(MigrationFailed) as caught:
        await app.migrate()

    assert caught.value.position == position
    assert (caught.value.statement or "").replace("***", "hunter2") == statement


async def test_what_stood_in_the_way_is_shown_without_its_password(app: App) -> None:
    await app.database.execute("CREATE TABLE a ()")
    other = await app.database.connect()
    await other.execute("BEGIN; LOCK TABLE a")
    await other.execute("SELECT 'ALTER ROLE a PASSWORD ''x''' /* password=hunter2 */")
    app.add(_1="DROP TABLE a;")

    with pytest.raises(TableLockNotAcquired) as caught:
        await app.migrate(lock_timeout=0.7, lock_retries=1)

    assert "password=***" in str(caught.value.blockers)
    assert [
        text for text in await found_in(app, caught.value) if "hunter2" in text
    ] == []


@pytest.mark.parametrize("transaction", [True, False])
async def test_what_a_python_migration_raises_is_told_without_a_urls_password(
    app: App, *, transaction: bool
) -> None:
    app.files.add(
        "1_a.py",
        f"transaction = {transaction}\n"
        "async def up(connection):\n"
        "    raise OSError('cannot reach postgresql://app:hunter2@db/shop')\n",
    )

    with pytest.raises(MigrationError, match=r"app:\*\*\*@db/shop") as caught:
        await app.migrate()

    caught.value.__cause__ = None  # the author's own exception is handed on as it is
    assert [
        text for text in await found_in(app, caught.value) if "hunter2" in text
    ] == []
