"""The fixtures: a shared server, a database of one's own, the command."""

import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit import servers
from tests.kit.commands import Cli
from tests.kit.databases import Database, new_database
from tests.kit.files import Files
from tests.kit.servers import Server

pytest_plugins = ["pytester"]

# A deadline for one example measures the machine; pytest-timeout is for what hangs.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

SHARED = pytest.StashKey[EmbeddedPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "invariant(*numbers): the test proves these invariants of the engine"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """The controller of pytest-xdist starts the server; its workers share it."""
    node.workerinput[servers.DSN] = _dsn(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SHARED in config.stash:
        config.stash[SHARED].close()


def _dsn(config: pytest.Config) -> str:
    """The DSN of the session's server, which is started when it is first asked for."""
    if given := os.environ.get(servers.DSN):
        return given
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    if servers.DSN in worker:
        return str(worker[servers.DSN])
    if SHARED not in config.stash:
        config.stash[SHARED] = servers.launch()
    return config.stash[SHARED].dsn()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """The shared server: its version, its administrator's DSN."""
    return servers.inspect_server(_dsn(request.config))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty directory `migrations`, in the working directory of `cli`."""
    return Files(tmp_path / "migrations")


@pytest.fixture
async def database(
    server: Server,
    files: Files,
    anyio_backend: str,  # noqa: ARG001 - makes this fixture async in every test
) -> AsyncGenerator[Database]:
    """An empty database of this test's own."""
    async with new_database(server, files) as database:
        yield database


@pytest.fixture
def own_server() -> Generator[Callable[..., EmbeddedPostgres]]:
    """Starts private servers, with any option of `EmbeddedPostgres`, to be maltreated."""
    with ExitStack() as stack:

        def start(**options: Any) -> EmbeddedPostgres:
            return stack.enter_context(servers.launch(**options))

        yield start


@pytest.fixture
async def cli(
    tmp_path: Path,
    anyio_backend: str,  # noqa: ARG001 - makes this fixture async in every test
) -> AsyncGenerator[Cli]:
    """The command, run in a directory of its own with a clean environment."""
    cli = Cli(tmp_path)
    try:
        yield cli
    finally:
        await cli.close()
