import pytest

from tests.kit.app import App
from tests.kit.commands import Cli
from tests.kit.databases import Database


@pytest.fixture
def app(database: Database) -> App:
    return App(database)


@pytest.fixture
def shop(cli: Cli, database: Database) -> Cli:
    """The command, told of this test's database, with a short lease."""
    cli.environment["DATABASE_URL"] = database.dsn
    cli.environment["ASYNCMIGRATE_LEASE_TTL"] = "2s"
    return cli
