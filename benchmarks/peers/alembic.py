"""Alembic, with each of its two templates: psycopg, and asyncpg in an event loop."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.peer import Kind, Peer, Project, pip
from benchmarks.processes import Command
from benchmarks.workload import Change

REQUIREMENTS = (
    "alembic==1.20.1",
    "sqlalchemy[asyncio]==2.1.9",
    "psycopg[binary]==3.3.9",
    "asyncpg==0.32.0",
)

REVISION = '''\
"""{name}"""

from alembic import op

revision = "{version}"
down_revision = {previous}


def upgrade() -> None:
{up}

def downgrade() -> None:
{down}'''

SETTINGS = """\
[alembic]
script_location = .
"""

# Each migration in a transaction of its own, as everybody here has it.
ENVIRONMENT = """\
import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["ALEMBIC_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""

ASYNC_ENVIRONMENT = """\
import asyncio
import os
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine


def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(os.environ["ALEMBIC_URL"], poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
"""


class Alembic(Peer):
    """One `op.execute` a statement."""

    name: ClassVar[str] = "Alembic 1.20, psycopg"
    kind: ClassVar[Kind] = Kind.PYTHON
    driver: ClassVar[str] = "psycopg"
    query: ClassVar[str] = "?sslmode=disable"
    environment: ClassVar[str] = ENVIRONMENT

    def install(self, home: Path) -> None:
        self._program = pip(home.with_name("alembic"), *REQUIREMENTS) / "alembic"

    def write(self, changes: Sequence[Change], directory: Path) -> None:
        versions = directory / "versions"
        versions.mkdir(parents=True)
        (directory / "alembic.ini").write_text(SETTINGS, encoding="utf-8")
        (directory / "env.py").write_text(self.environment, encoding="utf-8")
        previous = "None"
        for change in changes:
            text = REVISION.format(
                name=change.name,
                version=change.version,
                previous=previous,
                up=_calls(change.up),
                down=_calls(change.down),
            )
            path = versions / f"{change.version}_{change.name}.py"
            path.write_text(text, encoding="utf-8")
            previous = f'"{change.version}"'

    def apply(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "upgrade", "head")

    def rollback(self, project: Project, dsn: str) -> Command:
        return self._command(project, dsn, "downgrade", "base")

    def _command(self, project: Project, dsn: str, *arguments: str) -> Command:
        place = dsn.partition("?")[0].partition("://")[2]
        url = f"postgresql+{self.driver}://{place}{self.query}"
        return Command(
            (self._program, *arguments), {"ALEMBIC_URL": url}, project.directory
        )


class AsyncAlembic(Alembic):
    """The same through asyncpg."""

    name: ClassVar[str] = "Alembic 1.20, asyncpg"
    driver: ClassVar[str] = "asyncpg"
    query: ClassVar[str] = "?ssl=disable"
    environment: ClassVar[str] = ASYNC_ENVIRONMENT


def _calls(statements: Sequence[str]) -> str:
    return "".join(f'    op.execute("""{statement}""")\n' for statement in statements)
