"""The pytest plugin: databases that are migrated already, one for each test that asks.

========================  ========  ====================================================
``migrated_dsn``          function  the URL of a database of the test's own
``migrated_pool``         function  an asyncpg pool on it
``migrated_connection``   function  an asyncpg connection in a transaction that is
                                    rolled back; the database is shared
``migration_at``          function  makes databases at a version, to go on from there
========================  ========  ====================================================

All of them are synchronous fixtures, so that they work with every plugin that runs
asynchronous tests, and without one. Importing this module loads nothing else: a
session that uses none of them pays nothing.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    import asyncpg

    from asyncmigrate._testing.databases import Databases
    from asyncmigrate._testing.stages import StagedDatabase

_BROKER = pytest.StashKey[Any]()
_WORKER_INPUT = "asyncmigrate_broker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--asyncmigrate-dsn`` and the rest; docs/testing.md has all of them."""
    group = parser.getgroup("asyncmigrate", "migrated databases for tests")
    group.addoption(
        "--asyncmigrate-dsn",
        metavar="URL",
        help="a server on which databases may be made and dropped; else"
        " ASYNCMIGRATE_PYTEST_DSN, else `asyncmigrate_dsn`, else an embedded server",
    )
    group.addoption(
        "--asyncmigrate-postgres",
        metavar="VERSION",
        help="the embedded server's major version, such as 16",
    )
    parser.addini("asyncmigrate_dsn", "a server for test databases, as a URL")
    parser.addini("asyncmigrate_postgres", "the embedded server's major version")
    parser.addini(
        "asyncmigrate_directory",
        "where the migrations are, from the root directory; else as the command has it",
        type="linelist",
    )
    parser.addini("asyncmigrate_format", "the layout of the migrations")
    parser.addini("asyncmigrate_namespace", "whose migrations these are")
    parser.addini(
        "asyncmigrate_before",
        "SQL files to run before the migrations: roles, extensions",
        type="linelist",
    )
    parser.addini(
        "asyncmigrate_after",
        "SQL files to run after the migrations: rows that every test finds",
        type="linelist",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 - pytest-xdist's
    """Let the workers of pytest-xdist share one server."""
    from asyncmigrate._testing.broker import Broker

    stash = node.config.stash
    if _BROKER not in stash:
        stash[_BROKER] = Broker()
    node.workerinput[_WORKER_INPUT] = stash[_BROKER].address


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the workers shared."""
    if _BROKER in config.stash:
        config.stash[_BROKER].close()


@pytest.fixture(scope="session")
def asyncmigrate_databases(request: pytest.FixtureRequest) -> Iterator["Databases"]:
    """Where the other fixtures have their databases from; internal."""
    from asyncmigrate._testing.databases import Databases
    from asyncmigrate._testing.wishes import read_wishes
    from asyncmigrate.errors import MigrationError

    config = request.config
    try:
        databases = Databases(
            read_wishes(
                dsn=config.getoption("asyncmigrate_dsn"),
                postgres=config.getoption("asyncmigrate_postgres"),
                ini=config.getini,
                root=config.rootpath,
                broker=getattr(config, "workerinput", {}).get(_WORKER_INPUT),
                expected=_expected(request.session.items),
            )
        )
    except MigrationError as error:
        raise _failed(str(error)) from None
    try:
        yield databases
    finally:
        databases.close()


def _expected(items: list[pytest.Item]) -> int:
    """How many databases the collected tests will ask for, as far as one can see."""
    names = [set(getattr(item, "fixturenames", ())) for item in items]
    own = sum("migrated_dsn" in each for each in names)
    shared = any(
        "migrated_connection" in each and "migrated_dsn" not in each for each in names
    )
    return own + shared


@pytest.fixture
def migrated_dsn(asyncmigrate_databases: "Databases") -> Iterator[str]:
    """The URL of a migrated database that no other test has."""
    with _shown(asyncmigrate_databases), asyncmigrate_databases.lend() as dsn:
        yield dsn


@pytest.fixture
def migrated_pool(
    asyncmigrate_databases: "Databases", migrated_dsn: str
) -> Iterator["asyncpg.Pool"]:
    """An asyncpg pool on `migrated_dsn`, in the event loop of its first use."""
    with asyncmigrate_databases.pooled(migrated_dsn) as pool:
        yield pool


@pytest.fixture
def migrated_connection(
    request: pytest.FixtureRequest, asyncmigrate_databases: "Databases"
) -> Generator["asyncpg.Connection"]:
    """An asyncpg connection in a transaction that is rolled back after the test.

    In a database that such tests share; in the test's own, when it also has
    `migrated_dsn` or `migrated_pool`.
    """
    own = None
    if "migrated_dsn" in request.fixturenames:
        own = request.getfixturevalue("migrated_dsn")
    databases = asyncmigrate_databases
    with _shown(databases), databases.rolled_back(_refuse, own=own) as connection:
        yield connection
    if connection.escaped:
        pytest.fail(
            "the transaction of `migrated_connection` was ended by the test or the code"
            " under test, and what it had written may stand; later tests get another"
            f" database\n\n{_HINT}",
            pytrace=False,
        )


_HINT = (
    "hint: use `connection.transaction()`, which is a savepoint here; or give the test a"
    " database of its own, with `migrated_pool` or `migrated_dsn`"
)


def _refuse(word: str) -> NoReturn:
    # No Exception, so that no code under test can pass over it.
    pytest.fail(
        f"{word} would begin or end the transaction that `migrated_connection` rolls"
        f" back after the test; it was not sent\n\n{_HINT}"
    )


@pytest.fixture
def migration_at(
    asyncmigrate_databases: "Databases",
) -> Iterator[Callable[[str], "StagedDatabase"]]:
    """Makes a database at a version: ``migration_at("0004")``; ``"0"`` is empty."""
    databases = asyncmigrate_databases
    with databases.staged() as at:

        def shown(version: str) -> "StagedDatabase":
            with _shown(databases):
                return at(version)

        yield shown


@contextmanager
def _shown(databases: "Databases") -> Iterator[None]:
    """Tell what keeps a database from being there; in full once, with no traceback."""
    from asyncmigrate.errors import MigrationError

    try:
        yield
    except MigrationError as error:
        raise _failed(databases.explain(error)) from None


def _failed(told: str) -> BaseException:
    """What `pytest.fail` raises, to be raised without what led to it."""
    return pytest.fail.Exception(told, pytrace=False)
