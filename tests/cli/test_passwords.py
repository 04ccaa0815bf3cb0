"""Where a password may come from, on a server that asks for one; and that none is shown."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit.commands import Cli

SECRET = "s3cr3t with $päce"  # noqa: S105 - of these tests' own server


@pytest.fixture
def server(own_server: Callable[..., EmbeddedPostgres]) -> EmbeddedPostgres:
    return own_server(password=SECRET)


def private(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


async def test_a_password_comes_from_wherever_it_is_kept(
    cli: Cli, server: EmbeddedPostgres
) -> None:
    migrations = cli.cwd / "migrations"
    migrations.mkdir()
    home = cli.cwd / "home"
    line = f"{server.host}:{server.port}:*:postgres:{SECRET}\n"
    of_home = private(home / ".pgpass", line)
    elsewhere = private(cli.cwd / "passwords", line)
    service = "[shop]\n" + "".join(
        f"{key}={value}\n"
        for key, value in (
            ("host", server.host),
            ("port", server.port),
            ("user", "postgres"),
            ("dbname", "postgres"),
            ("password", SECRET),
        )
    )
    services = private(cli.cwd / "services.conf", service)
    of_system = private(cli.cwd / "system" / "pg_service.conf", service)
    place = f"{server.host}:{server.port}/postgres"
    dsn = f"postgresql://postgres@{place}"
    variables = {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
    }
    ways: list[tuple[str, dict[str, str]]] = [
        (server.dsn(), {}),
        (dsn, {"PGPASSWORD": SECRET}),
        (dsn, {"HOME": str(Path(of_home).parent)}),
        (dsn, {"PGPASSFILE": elsewhere}),
        (f"{dsn}?passfile={elsewhere}", {}),
        ("", {**variables, "PGPASSWORD": SECRET}),
        ("", {**variables, "PGPASSFILE": elsewhere}),
        ("", {"PGSERVICE": "shop", "PGSERVICEFILE": services}),
        ("postgresql:///?service=shop", {"PGSERVICEFILE": services}),
        ("", {"PGSERVICE": "shop", "PGSYSCONFDIR": str(Path(of_system).parent)}),
    ]

    (migrations / "1_a.sql").write_text("SELECT 1;")
    # After the first one there is nothing to do: another path through the program.
    for way, environment in ways:
        given = {"DATABASE_URL": way} if way else {}
        told = await cli("migrate", env={**environment, **given})
        assert told.exit_status == 0, (way, environment, told)


@pytest.mark.parametrize("given", [{}, {"PGPASSWORD": "hunter2"}])
async def test_without_the_right_one_it_exits_with_5_and_shows_none(
    cli: Cli, server: EmbeddedPostgres, given: dict[str, str]
) -> None:
    (cli.cwd / "migrations").mkdir()
    (cli.cwd / "migrations" / "1_a.sql").write_text("SELECT 1;")
    dsn = f"postgresql://postgres@{server.host}:{server.port}/postgres"

    told = await cli("migrate", "--dsn", dsn, env=given)

    assert told.exit_status == 5
    assert "password" in told.stderr
    assert "hunter2" not in told.stderr + told.stdout
