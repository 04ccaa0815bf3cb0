"""Roll-backs and redos that change sessions: they finish what they began."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from asyncmigrate.errors import MigrationFailed
from asyncmigrate.events import ConnectionLost, LockWaiting
from asyncmigrate.results import MigrationReport
from tests.kit.app import App, versions
from tests.kit.commands import Cli
from tests.kit.invariants import invariant
from tests.kit.locks import play_holder
from tests.kit.polling import eventually
from tests.kit.proxy import listening

TABLE = "-- UP\nCREATE TABLE t (a int);\n-- DOWN\nDROP TABLE t;\n"
VIEW = "-- UP\nCREATE VIEW v AS SELECT a FROM t;\n-- DOWN\nDROP VIEW v;\n"
PYTHON = """
async def up(connection):
    await connection.execute("CREATE TABLE {name} ()")

async def down(connection):
    await connection.execute("DROP TABLE {name}")
"""
LASTING = """-- UP
LOAD 'plpgsql'; CREATE TABLE {name} ();
-- DOWN
LOAD 'plpgsql'; DROP TABLE {name};
"""
SQL = "-- UP\nCREATE TABLE {name} ();\n-- DOWN\nDROP TABLE {name};\n"
FORMS = {"python": PYTHON, "lasting": LASTING, "sql": SQL}

Run = Callable[[], Awaitable[MigrationReport]]


def write(app: App, number: int, name: str, form: str) -> None:
    end = "py" if form == "python" else "sql"
    app.files.add(f"000{number}_{name}.{end}", FORMS[form].format(name=name))


async def applied(app: App, form: str = "sql") -> None:
    """0001 to 0003 and a view are applied; another file is late, and one pending."""
    app.add(_0001_t=TABLE)
    write(app, 2, "two", form)
    write(app, 3, "three", form)
    app.files.add("repeatable/v.sql", VIEW)
    await app.migrate()
    app.add(_0000_late=SQL.format(name="late"), _0004_pending=SQL.format(name="four"))
    app.events.clear()


async def edited(app: App, form: str) -> None:
    """The same, and 0001 was edited since."""
    await applied(app, form)
    app.add(_0001_t=TABLE.replace("a int", "a int, b int"))


@dataclass
class Loss:
    """A connection that is lost at the first query with *at* in it."""

    at: str
    stands: bool = False
    """Whether that query reaches the server."""
    meanwhile: Run | None = None
    """What another run does before this one has the lock again."""
    lost: bool = False
    others: list[MigrationReport] = field(default_factory=list)


@asynccontextmanager
async def losing(app: App, loss: Loss) -> AsyncGenerator[str]:
    """The DSN of a proxy that cuts once."""

    async def on_query(text: str) -> bool:
        if not loss.lost and loss.at in text:
            loss.lost = True
            proxy.is_deaf = True
            cutting.start_soon(cut_soon)
            return loss.stands
        if loss.lost and "pg_try_advisory_lock" in text and loss.meanwhile:
            run, loss.meanwhile = loss.meanwhile, None
            loss.others.append(await run())
        return True

    async def cut_soon() -> None:
        await anyio.sleep(0.1)
        proxy.cut()
        proxy.is_deaf = False

    async with listening(app.dsn) as proxy, anyio.create_task_group() as cutting:
        proxy.on_query = on_query
        yield proxy.dsn
    assert len(app.told(ConnectionLost)) == 1


ALL = {
    "0000": "pending",
    "0001": "applied",
    "0002": "applied",
    "0003": "applied",
    "0004": "pending",
    "repeatable/v.sql": "applied",
}


@pytest.mark.parametrize("form", ["python", "lasting"])
@pytest.mark.parametrize("steps", [1, 2])
async def test_a_rollback_puts_repeatables_back_on_its_next_session(
    app: App, form: str, steps: int
) -> None:
    await applied(app, form)

    report = await app.rollback(steps=steps)

    undone = ["0003", "0002"][:steps]
    middle = [f"-{version}" for version in undone]
    assert versions(report) == ["-repeatable/v.sql", *middle, "+repeatable/v.sql"]
    assert await app.standing() == ALL | dict.fromkeys(undone, "pending")
    assert await app.database.fetch("SELECT * FROM v") == []


@pytest.mark.parametrize("form", ["python", "lasting"])
async def test_a_redo_finishes_on_its_next_session_and_applies_nothing_else(
    app: App, form: str
) -> None:
    await applied(app, form)

    report = await app.redo()

    assert versions(report) == [
        "-repeatable/v.sql",
        "-0003",
        "+0003",
        "+repeatable/v.sql",
    ]
    assert await app.standing() == ALL
    assert await app.database.fetch("SELECT * FROM v") == []


@pytest.mark.parametrize("form", ["python", "lasting"])
async def test_a_redo_finishes_although_another_file_was_edited(
    app: App, form: str
) -> None:
    await edited(app, form)

    report = await app.redo()

    assert versions(report)[1:] == ["-0003", "+0003", "+repeatable/v.sql"]
    assert await app.standing() == ALL | {"0001": "modified"}


LOSSES = {
    "before anything was done": Loss("DROP VIEW v"),
    "at the COMMIT of the first": Loss("DROP VIEW v", stands=True),
    "after the first": Loss("DROP TABLE three"),
    "at the COMMIT of the second": Loss("DROP TABLE three", stands=True),
    "before they are put back": Loss("CREATE VIEW v"),
    "at the COMMIT that puts them back": Loss("CREATE VIEW v", stands=True),
}


@invariant("I11", "I2")
@pytest.mark.parametrize("when", LOSSES)
@pytest.mark.parametrize("form", ["sql", "python"])
@pytest.mark.parametrize("steps", [1, 2])
async def test_a_rollback_whose_connection_is_lost_does_all_of_it_once(
    app: App, when: str, form: str, steps: int
) -> None:
    await applied(app, form)
    loss = Loss(LOSSES[when].at, LOSSES[when].stands)

    async with losing(app, loss) as dsn:
        report = await app.rollback(dsn=dsn, steps=steps)

    undone = ["0003", "0002"][:steps]
    middle = [f"-{version}" for version in undone]
    assert versions(report) == ["-repeatable/v.sql", *middle, "+repeatable/v.sql"]
    assert await app.standing() == ALL | dict.fromkeys(undone, "pending")
    assert await app.database.fetch("SELECT * FROM v") == []


@invariant("I11", "I2")
@pytest.mark.parametrize(
    "at", ["DROP VIEW v", "DROP TABLE three", "CREATE TABLE three", "CREATE VIEW v"]
)
@pytest.mark.parametrize("stands", [False, True])
@pytest.mark.parametrize("form", ["sql", "python"])
async def test_a_redo_whose_connection_is_lost_does_all_of_it_once(
    app: App, at: str, form: str, *, stands: bool
) -> None:
    await edited(app, form)

    async with losing(app, Loss(at, stands)) as dsn:
        report = await app.redo(dsn=dsn)

    assert versions(report) == [
        "-repeatable/v.sql",
        "-0003",
        "+0003",
        "+repeatable/v.sql",
    ]
    assert await app.standing() == ALL | {"0001": "modified"}
    assert await app.database.fetch("SELECT * FROM v") == []


async def test_a_rollback_goes_on_with_a_down_that_was_half_done(app: App) -> None:
    await applied(app)
    off = "-- asyncmigrate: transaction=off\n"
    app.add(_0003_three=off + SQL.format(name="three") + "SELECT 'the last';\n")

    async with losing(app, Loss("the last")) as dsn:
        report = await app.rollback(dsn=dsn, steps=2)

    assert versions(report) == [
        "-repeatable/v.sql",
        "-0003",
        "-0002",
        "+repeatable/v.sql",
    ]


async def test_a_redo_goes_on_with_an_up_that_was_half_done(app: App) -> None:
    await applied(app)
    off = "-- asyncmigrate: transaction=off\n"
    more = SQL.replace("();", "(); SELECT 'the last';")
    app.add(_0003_three=off + more.format(name="three"))

    async with losing(app, Loss("the last")) as dsn:
        report = await app.redo(dsn=dsn)

    assert versions(report)[1:] == ["-0003", "+0003", "+repeatable/v.sql"]
    assert await app.standing() == ALL


async def test_a_rollback_gives_a_repeatable_up_once_and_puts_the_others_back(
    app: App,
) -> None:
    app.add(_0001_t=TABLE)
    app.add(_0002_b="-- UP\nALTER TABLE t ADD b int;\n-- DOWN\nALTER TABLE t DROP b;")
    lasting = "LOAD 'plpgsql'; CREATE VIEW u"
    up = VIEW.replace("CREATE VIEW v", lasting).replace("SELECT a", "SELECT b")
    app.files.add("repeatable/u.sql", up.replace("VIEW v", "VIEW u"))
    app.files.add("repeatable/v.sql", VIEW)
    await app.migrate()

    report = await app.rollback()

    assert versions(report) == [
        "-repeatable/v.sql",
        "-repeatable/u.sql",
        "-0002",
        "+repeatable/v.sql",
    ]
    (warning,) = report.warnings
    assert warning.startswith("repeatable/u.sql could not be applied again")


# ---- another run, while the connection was lost


async def test_a_rollback_that_has_done_nothing_yet_leaves_what_another_run_undid(
    app: App,
) -> None:
    await applied(app)

    async with losing(app, Loss("DROP VIEW v", meanwhile=app.rollback)) as dsn:
        report = await app.rollback(dsn=dsn)

    assert versions(report) == []
    assert report.warnings == ("0003 was rolled back by another run meanwhile",)
    assert await app.standing() == ALL | {"0003": "pending"}


async def test_a_rollback_that_waited_is_told_who_did_it_meanwhile(app: App) -> None:
    await applied(app)
    holder = await play_holder(app.database)
    task = asyncio.ensure_future(app.rollback())

    async def waits() -> bool:
        return bool(app.told(LockWaiting))

    await eventually(waits)
    await app.database.execute(
        "UPDATE asyncmigrate.schema_migrations SET rolled_back_at = now()"
        " WHERE version = '0003'"
    )
    report = await task
    await holder.close()

    assert versions(report) == []
    assert report.warnings == ("0003 was rolled back by another run meanwhile",)


async def test_a_rollback_puts_back_what_it_undid_although_another_run_did_the_rest(
    app: App,
) -> None:
    await applied(app)

    async with losing(app, Loss("DROP TABLE two", meanwhile=app.rollback)) as dsn:
        report = await app.rollback(dsn=dsn, steps=2)

    assert versions(report) == [
        "-repeatable/v.sql",
        "-0003",
        "-0002",
        "+repeatable/v.sql",
    ]
    assert await app.standing() == ALL | {"0002": "pending", "0003": "pending"}


async def test_a_rollback_does_not_go_on_below_what_another_run_applied_again(
    app: App,
) -> None:
    await applied(app)
    app.files.remove("0000_late.sql")
    app.files.remove("0004_pending.sql")

    async with losing(app, Loss("DROP TABLE two", meanwhile=app.migrate)) as dsn:
        with pytest.raises(MigrationFailed) as caught:
            await app.rollback(dsn=dsn, steps=2)

    error = caught.value
    assert error.message == (
        "another run has applied 0003, repeatable/v.sql since this one began;"
        " not rolled back: 0002"
    )
    assert [each.version for each in error.results] == ["repeatable/v.sql", "0003"]
    assert set((await app.standing()).values()) == {"applied"}


async def test_a_redo_is_content_with_what_another_run_applied_again(app: App) -> None:
    await applied(app)
    app.files.remove("0000_late.sql")
    app.files.remove("0004_pending.sql")

    async with losing(app, Loss("CREATE TABLE three", meanwhile=app.migrate)) as dsn:
        report = await app.redo(dsn=dsn)

    assert versions(report) == ["-repeatable/v.sql", "-0003"]
    assert report.warnings == (
        "0003 was applied again by another run meanwhile",
        "repeatable/v.sql was applied again by another run meanwhile",
    )
    assert set((await app.standing()).values()) == {"applied"}


async def test_what_a_killed_rollback_owed_the_next_migrate_puts_back(
    app: App, cli: Cli
) -> None:
    app.add(_0001_t=TABLE, _0002_slow="-- UP\nSELECT 1;\n-- DOWN\nSELECT pg_sleep(60);")
    app.files.add("repeatable/v.sql", VIEW)
    await app.migrate()

    async def is_undone() -> bool:
        return await app.database.fetchval("SELECT to_regclass('v')") is None

    process = await cli.start("rollback", "--dsn", app.dsn)
    await eventually(is_undone)
    process.kill()
    if app.database.server.version < 14:
        # At work, it does not notice that its client is gone.
        await app.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND datname = current_database()"
        )
    report = await app.migrate()

    assert versions(report) == ["+repeatable/v.sql"]
    assert (await app.status()).healthy
