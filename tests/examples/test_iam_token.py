"""Tokens instead of a password, on a server that asks for one and takes the newest alone."""

import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import anyio
import asyncpg
import pytest

import asyncmigrate
from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import DatabaseUnusable
from tests.kit.files import Files

EXAMPLE = Path(__file__).parents[2] / "examples" / "iam_token" / "connecting.py"


@pytest.fixture(scope="module")
def connecting() -> ModuleType:
    spec = importlib.util.spec_from_file_location("connecting", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Issuer:
    """Hands out tokens; the role's password is the newest of them."""

    def __init__(self, dsn: str, good_for: float) -> None:
        self._dsn = dsn
        self._numbers = itertools.count(1)
        self.good_for = good_for
        self.issued = 0

    def fetch(self) -> tuple[str, float]:
        self.issued = next(self._numbers)
        token = f"token{self.issued}"
        anyio.run(self._let_in, token)
        return token, self.good_for

    async def _let_in(self, token: str) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(f"ALTER ROLE service PASSWORD '{token}'")
        finally:
            await connection.close()


@pytest.fixture
def server(own_server: Callable[..., EmbeddedPostgres]) -> EmbeddedPostgres:
    server = own_server(password="administrator")  # noqa: S106 - of this test alone
    anyio.run(_with_role, server.dsn())
    return server


async def _with_role(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE ROLE service LOGIN SUPERUSER")
    finally:
        await connection.close()


@pytest.mark.parametrize(("good_for", "tokens"), [(900.0, 1), (0.0, 2)])
def test_each_connection_is_let_in_by_a_token_that_is_still_good(
    server: EmbeddedPostgres,
    files: Files,
    connecting: ModuleType,
    good_for: float,
    tokens: int,
) -> None:
    files.add("0001_a.sql", "CREATE TABLE a (id int);")
    issuer = Issuer(server.dsn(), good_for)
    connect = connecting.connector(server.dsn(user="service"), issuer.fetch)

    async def migrate() -> asyncmigrate.MigrationReport:
        return await asyncmigrate.migrate(directory=str(files), connect=connect)

    report = anyio.run(migrate)

    assert [result.version for result in report] == ["0001"]
    assert report.warnings == ()
    # The one that migrates and the keeper's.
    assert issuer.issued == tokens


def test_a_token_that_is_no_longer_good_is_refused_and_not_repeated(
    server: EmbeddedPostgres, files: Files, connecting: ModuleType
) -> None:
    files.add("0001_a.sql", "CREATE TABLE a (id int);")
    connect = connecting.connector(
        server.dsn(user="service"), lambda: ("s3cr3t", 900.0)
    )

    async def migrate() -> None:
        await asyncmigrate.migrate(directory=str(files), connect=connect)

    with pytest.raises(DatabaseUnusable, match="password authentication") as caught:
        anyio.run(migrate)

    assert caught.value.exit_status == 5
    assert "s3cr3t" not in str(caught.value)
