"""A project of somebody else's, with tests of its own, and what they leave behind."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import asyncpg
import pytest

from asyncmigrate._database.databases import COMMENT, MARK
from tests.kit.files import Files
from tests.kit.servers import Server

USERS = """\
-- UP
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);

-- DOWN
DROP TABLE users;
"""
SPLIT = """\
-- UP
ALTER TABLE users ADD COLUMN first_name text, ADD COLUMN last_name text;
UPDATE users
SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);

-- DOWN
ALTER TABLE users DROP COLUMN first_name, DROP COLUMN last_name;
"""
COUNTED = """\
import os


async def up(connection):
    with open(os.environ["RUNS"], "a") as runs:
        runs.write("once\\n")


async def down(connection):
    pass
"""

OURS = """
SELECT datname, pg_catalog.shobj_description(oid, 'pg_database')
FROM pg_catalog.pg_database
WHERE datname ~ '^asyncmigrate_(template|clone|draft)_' AND datconnlimit = $1
"""


class Project:
    """A directory with migrations and tests, and pytest in a process of its own."""

    def __init__(self, pytester: pytest.Pytester, server: Server) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.server = server
        self.files = Files(self.path / "migrations")
        self.files.add("0001_users.sql", USERS)
        self.files.add("0002_split.sql", SPLIT)

    def tests(self, **texts: str) -> None:
        """Write test modules by their names."""
        for name, text in texts.items():
            (self.path / f"{name}.py").write_text(text, encoding="utf-8")

    def configure(self, **values: str) -> None:
        """Write pytest.ini; every warning is an error in it."""
        lines = [f"{name} = {value}" for name, value in values.items()]
        text = "\n".join(["[pytest]", "filterwarnings = error", *lines, ""])
        (self.path / "pytest.ini").write_text(text, encoding="utf-8")

    def arguments(self, *more: str, plugins: tuple[str, ...] = ()) -> list[str]:
        named = [f"-p{name}" for name in ("asyncmigrate.pytest_plugin", *plugins)]
        return ["-pno:cacheprovider", *named, *more]

    def run(
        self, *arguments: str, plugins: tuple[str, ...] = (), dsn: str | None = ""
    ) -> pytest.RunResult:
        """Run the tests on the shared server; with *dsn* null on none that is given."""
        where = dsn or self.server.admin_dsn
        more = () if dsn is None else (f"--asyncmigrate-dsn={where}",)
        command = self.arguments(*arguments, *more, plugins=plugins)
        return self.pytester.runpytest_subprocess(*command, timeout=50)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the tests, to be killed in the middle."""
        where = f"--asyncmigrate-dsn={self.server.admin_dsn}"
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *self.arguments(*arguments, where)],
            cwd=self.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def databases(self) -> dict[str, str]:
        """Every database of the plugin's on the server, with its comment."""

        async def ask() -> dict[str, str]:
            connection = await asyncpg.connect(self.server.admin_dsn)
            try:
                return {
                    row[0]: row[1] or "" for row in await connection.fetch(OURS, MARK)
                }
            finally:
                await connection.close()

        return asyncio.run(ask())

    def templates(self) -> set[str]:
        """The templates that this project's test sessions made."""
        ours = f'{COMMENT}{{"project": "{self.path.name} default"'
        return {
            name
            for name, comment in self.databases().items()
            if comment.startswith(ours)
        }

    def drop(self, *names: str) -> None:
        async def drop() -> None:
            connection = await asyncpg.connect(self.server.admin_dsn)
            try:
                for name in names:
                    await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
            finally:
                await connection.close()

        asyncio.run(drop())


@pytest.fixture
def project(
    pytester: pytest.Pytester, server: Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project with two migrations. Only the plugins that a test names are loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("RUNS", str(pytester.path / "runs"))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    project = Project(pytester, server)
    project.configure()
    yield project
    project.drop(*project.templates())
