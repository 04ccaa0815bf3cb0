"""The fixtures keep what they promise to every other test."""

from pathlib import Path

import pytest

from tests.kit.commands import Cli, Outcome
from tests.kit.databases import Database
from tests.kit.servers import Server


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_finds_its_database_empty(
    database: Database, turn: int
) -> None:
    assert await database.tables() == set()
    assert await database.history() == []

    await database.execute(f"CREATE TABLE t{turn} (id int)")

    assert await database.tables() == {f"t{turn}"}


async def test_a_role_of_a_test_can_log_in_to_its_database(database: Database) -> None:
    role = await database.role()

    connection = await database.connect(database.dsn_of(role))

    assert await connection.fetchval("SELECT current_user") == role


async def test_history_is_read_from_the_tracking_schema(database: Database) -> None:
    await database.execute("CREATE SCHEMA asyncmigrate")
    await database.execute("CREATE TABLE asyncmigrate.schema_migrations (id int)")
    await database.execute("INSERT INTO asyncmigrate.schema_migrations VALUES (2), (1)")

    assert await database.history() == [{"id": 1}, {"id": 2}]
    assert await database.tables() == set()


async def test_the_server_tells_its_version(server: Server, database: Database) -> None:
    assert server.version_number == int(
        await database.fetchval("SHOW server_version_num")
    )


def test_what_differs_from_run_to_run_is_masked_in_an_outcome(tmp_path: Path) -> None:
    outcome = Outcome(
        exit_status=1,
        stdout=f"{tmp_path}/migrations/0001_a.sql applied in 12.5 ms \n",
        stderr="held by pid 4711 on 127.0.0.1:5432 since 2026-03-15 10:11:12.123+00"
        " run 0b6f5a0e-8d7e-4a53-9a53-0123456789ab\n",
        cwd=tmp_path,
    )

    assert outcome.shown == (
        "exit 1\n--- stdout\nTMP/migrations/0001_a.sql applied in N ms\n--- stderr\n"
        "held by pid PID on 127.0.0.1:PORT since TIME run UUID"
    )


async def test_a_command_has_an_environment_of_its_own(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/else")
    monkeypatch.setenv("ASYNCMIGRATE_NAMESPACE", "elsewhere")
    cli.module = "platform"

    outcome = await cli("terse")

    assert outcome.exit_status == 0
    assert outcome.stdout.startswith("Linux") or "macOS" in outcome.stdout
    assert {"DATABASE_URL", "ASYNCMIGRATE_NAMESPACE"}.isdisjoint(cli.environment)


async def test_a_command_that_a_test_has_left_running_is_killed(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.module = "http.server"
    process = await cli.start("0", "--bind", "127.0.0.1")

    await cli.close()

    assert process.returncode is not None
    assert process.returncode < 0
