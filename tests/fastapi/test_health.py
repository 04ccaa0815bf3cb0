import asyncio
import json
import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anyio
import asyncpg
import httpx
import pytest

from asyncmigrate._api import operations
from asyncmigrate._readers.document import document, dump, status_keys
from asyncmigrate._settings import Settings
from asyncmigrate.fastapi import Migrations
from tests.fastapi.conftest import Serve
from tests.kit.app import App
from tests.kit.commands import Cli
from tests.kit.polling import eventually

Make = Callable[..., Migrations]
HEALTH = "/health/migrations"
TABLE = "CREATE TABLE users (id int);"


async def test_a_current_database_is_200_with_the_document_of_the_command(
    app: App, migrations: Make, client: Serve, cli: Cli
) -> None:
    app.add(_0001_users=TABLE, _0002_more="SELECT 1;")
    await app.migrate()

    async with client(migrations()) as http:
        answer = await http.get(HEALTH)
    command = await cli(
        "status", "--json", "--dsn", app.dsn, "--directory", str(app.files)
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == command.document
    assert answer.json()["healthy"] is True


async def test_something_pending_is_503_and_says_what(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    app.add(_0002_more="SELECT 1;")

    async with client(migrations()) as http:
        answer = await http.get(HEALTH)

    told = answer.json()
    assert answer.status_code == 503
    assert (told["ok"], told["applied"], told["pending"]) == (False, 1, 1)
    assert told["error"]["code"] == "check_failed"
    assert told["migrations"][1]["status"] == "pending"


async def test_a_database_without_tracking_tables_is_503_not_an_error(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)

    async with client(migrations()) as http:
        first = await http.get(HEALTH)
        await app.migrate()
        second = await http.get(HEALTH)

    assert first.status_code == 503
    assert first.json()["pending"] == 1
    assert second.status_code == 200


async def test_a_database_that_is_ahead_is_200_as_in_every_rolling_deploy(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE, _0002_newer="SELECT 1;")
    await app.migrate()
    app.files.remove("0002_newer.sql")

    async with client(migrations()) as http:
        answer = await http.get(HEALTH)

    assert answer.status_code == 200
    assert answer.json()["warnings"] != []


async def test_the_one_query_sees_what_the_command_sees(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE, _0002_edited="SELECT 1;", _0010_gone="SELECT 1;")
    app.files.add("repeatable/views.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS a;")
    await app.migrate()
    app.add(_0002_edited="SELECT 2;", _0011_new="SELECT 1;")
    app.files.remove("0010_gone.sql")
    app.files.add("repeatable/views.sql", "CREATE OR REPLACE VIEW v AS SELECT 2 AS a;")

    async with client(migrations()) as http:
        told = (await http.get(HEALTH)).json()

    status = await app.status()
    expected = json.loads(dump(document("status", more=status_keys(status))))
    assert told["migrations"] == expected["migrations"]
    assert told["problems"] == expected["problems"]
    assert [m["status"] for m in told["migrations"]] == [
        "applied",
        "modified",
        "missing",
        "pending",
        "pending",
    ]


async def _with_holder(http: httpx.AsyncClient) -> Any:
    """The answer once the holder has written its name: the lock comes a moment before."""
    told = (await http.get(HEALTH)).json()
    return told if told["lock"] and "process" in told["lock"]["locked_by"] else None


async def test_while_a_migration_runs_the_holder_is_shown(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_slow="SELECT pg_sleep(30);")

    async with client(migrations()) as http, anyio.create_task_group() as group:
        group.start_soon(app.migrate)
        told = await eventually(lambda: _with_holder(http))
        group.cancel_scope.cancel()

    assert "process" in told["lock"]["locked_by"]
    assert told["healthy"] is False


@pytest.fixture
def open_now(app: App) -> Callable[[], Any]:
    """How many connections for probes there are."""
    database = app.database

    async def connections() -> int:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'asyncmigrate health'"
        )
        return int(await database.fetchval(query))

    return connections


class _Counting:
    """Counts what is sent through connections that it makes."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.queries: list[str] = []
        self.connections = 0

    async def __call__(self) -> Any:
        self.connections += 1
        connection = await asyncpg.connect(self.dsn)
        connection.add_query_logger(self._log)
        return connection

    def _log(self, record: Any) -> None:
        self.queries.append(record.query)


async def test_a_probe_is_one_query_on_a_connection_that_is_kept(
    app: App, migrations: Make, client: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    connect = _Counting(app.dsn)
    asked: list[str] = []
    real = asyncpg.Connection._copy_out  # type: ignore[attr-defined]  # noqa: SLF001 - every look goes through it

    async def copy(self: Any, query: str, *options: Any) -> Any:
        asked.append(query)
        return await real(self, query, *options)

    monkeypatch.setattr(asyncpg.Connection, "_copy_out", copy)
    async with client(migrations(dsn=None, connect=connect)) as http:
        answers = [(await http.get(HEALTH)).status_code for _ in range(5)]

    assert answers == [200] * 5
    assert connect.connections == 1
    assert len(asked) == 5
    assert connect.queries == []


async def test_probes_that_come_together_share_one_look(
    app: App, migrations: Make, client: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    asked: list[str] = []
    real = asyncpg.Connection._copy_out  # type: ignore[attr-defined]  # noqa: SLF001 - every look goes through it

    async def copy(self: Any, query: str, *options: Any) -> Any:
        asked.append(query)
        return await real(self, query, *options)

    monkeypatch.setattr(asyncpg.Connection, "_copy_out", copy)
    async with client(migrations()) as http:
        answers = await asyncio.gather(*(http.get(HEALTH) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(asked) == 1


async def test_the_files_are_listed_now_and_then_not_at_every_probe(
    app: App, migrations: Make, client: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    listed: list[Settings] = []
    clock = [1000.0]

    def read_source(settings: Settings) -> Any:
        listed.append(settings)
        return operations.read_source(settings)

    probing = "asyncmigrate._api.probing"
    monkeypatch.setattr(f"{probing}.read_source", read_source)
    monkeypatch.setattr(f"{probing}.time", SimpleNamespace(monotonic=lambda: clock[0]))

    async with client(migrations()) as http:
        for _ in range(3):
            await http.get(HEALTH)
        app.add(_0002_more="SELECT 1;")
        stale = (await http.get(HEALTH)).status_code
        clock[0] += 6
        fresh = (await http.get(HEALTH)).status_code

    assert len(listed) == 2
    assert (stale, fresh) == (200, 503)


async def test_a_file_that_is_pending_is_parsed_once(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)

    async with client(migrations()) as http:
        first = (await http.get(HEALTH)).json()
        # Were it read again, it would be told to have changed.
        app.add(_0001_users="SELECT 1;")
        second = (await http.get(HEALTH)).json()

    assert first["problems"] == second["problems"] == []


async def test_a_pool_of_the_application_lends_the_connection_and_gets_it_back_as_it_was(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    async with asyncpg.create_pool(
        app.dsn, min_size=1, max_size=1, server_settings={"search_path": "elsewhere"}
    ) as pool:
        before = await pool.fetchval("SELECT pg_backend_pid()")
        async with client(migrations(dsn=None, pool=lambda: pool)) as http:
            answers = [(await http.get(HEALTH)).status_code for _ in range(3)]
        after = await pool.fetchval("SELECT pg_backend_pid()")
        path = await pool.fetchval("SHOW search_path")

    assert answers == [200] * 3
    assert before == after
    assert path == "elsewhere"


async def test_a_pool_that_is_used_up_is_503_in_time(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)
    async with (
        asyncpg.create_pool(app.dsn, min_size=1, max_size=1) as pool,
        pool.acquire(),
        client(migrations(pool=lambda: pool, probe_limit=0.2)) as http,
    ):
        answer = await http.get(HEALTH)

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "database_unreachable"


async def test_a_role_without_rights_is_503_and_keeps_its_connection(
    app: App, migrations: Make, client: Serve, open_now: Callable[[], Any]
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    role = await app.database.role()

    async with client(migrations(dsn=app.database.dsn_of(role))) as http:
        first = await http.get(HEALTH)
        open_then = await open_now()
        await app.database.execute(f'GRANT USAGE ON SCHEMA asyncmigrate TO "{role}"')
        await app.database.execute(
            f'GRANT SELECT ON ALL TABLES IN SCHEMA asyncmigrate TO "{role}"'
        )
        second = await http.get(HEALTH)

    assert first.status_code == 503
    assert first.json()["error"]["code"] == "privilege_missing"
    assert open_then == 1
    assert second.status_code == 200


async def test_a_connection_that_was_ended_is_replaced_within_the_same_probe(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()

    async with client(migrations()) as http:
        first = await http.get(HEALTH)
        # asyncpg leaves a future behind whose error nobody asks for.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await app.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'asyncmigrate health'"
            " AND datname = current_database()"
        )
        second = await http.get(HEALTH)

    assert (first.status_code, second.status_code) == (200, 200)


async def test_a_backend_that_stands_still_is_503_in_time_and_replaced(
    app: App, migrations: Make, client: Serve
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()

    async with client(migrations(probe_limit=0.5)) as http:
        first = await http.get(HEALTH)
        pid = await app.database.fetchval(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'asyncmigrate health'"
            " AND datname = current_database()"
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            with anyio.fail_after(5):
                frozen = await http.get(HEALTH)
            again = await http.get(HEALTH)
        finally:
            os.kill(pid, signal.SIGCONT)

    assert first.status_code == again.status_code == 200
    assert frozen.status_code == 503
    assert "did not answer within 0.5 s" in frozen.json()["error"]["message"]


async def test_no_answer_holds_the_password(
    app: App, migrations: Make, client: Serve
) -> None:
    dsn = "postgresql://app:geheimnis@127.0.0.1:1/app"

    async with client(migrations(dsn=dsn)) as http:
        health = await http.get(HEALTH)
        page = await http.get("/migrations")

    assert health.status_code == page.status_code == 503
    assert "geheimnis" not in health.text + page.text
    assert app.events == []


async def test_closing_leaves_no_connection(
    app: App, migrations: Make, client: Serve, open_now: Callable[[], Any]
) -> None:
    app.add(_0001_users=TABLE)
    async with client(migrations()) as http:
        await http.get(HEALTH)
        during = await open_now()

    assert during == 1
    assert await eventually(lambda: _none(open_now))


async def _none(count: Callable[[], Any]) -> bool:
    return bool(await count() == 0)
