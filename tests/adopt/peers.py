"""The history that the tool itself has written, taken over: ``python -m tests.adopt.peers``.

Each tool that is on the search path migrates a database of its own; then its history
is taken over, and every migration must be applied, verified where the tool keeps
checksums, and nothing pending. A process of the tool that starts in the middle must
wait, or give up; one that starts afterwards must find nothing to do.
One that is not installed is left out, and said so: not part of the suite, as the
tools are not ours to install.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

import asyncmigrate
from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.events import Event, Planned
from asyncmigrate.results import AdoptionReport
from tests.adopt.tools import IN_PLACE, Tool
from tests.kit import servers
from tests.layouts.peers import CONFIRMED, LIMIT, PEERS, Command, Place

ALEMBIC = """
from alembic import context
from sqlalchemy import create_engine
with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as bind:
    context.configure(connection=bind)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
revision, down_revision = "ae1027a6acf", None
def upgrade():
    pass
"""
RAILS = """
require "active_record"
ActiveRecord::Base.establish_connection(ENV.fetch("DATABASE_URL"))
ActiveRecord::Schema.define(version: 20240102000000) { create_table(:t) unless table_exists?(:t) }
"""


def alembic(place: Place) -> Command:
    versions = place.work / "alembic" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (versions.parent / "env.py").write_text(ALEMBIC, encoding="utf-8")
    (versions / "ae1027a6acf_first.py").write_text(REVISION, encoding="utf-8")
    config = place.work / "alembic.ini"
    url = place.dsn.replace("postgresql:", "postgresql+psycopg:", 1)
    config.write_text(
        f"[alembic]\nscript_location = {versions.parent}\nsqlalchemy.url = {url}\n",
        encoding="utf-8",
    )
    return Command(["alembic", "-c", str(config), "upgrade", "head"])


def yoyo(place: Place) -> Command:
    folder = place.work / "yoyo"
    folder.mkdir(exist_ok=True)
    (folder / "0001.first.sql").write_text("SELECT 1", encoding="utf-8")
    url = place.dsn.replace("postgresql:", "postgresql+psycopg:", 1)
    return Command(["yoyo", "apply", "--batch", "--database", url, str(folder)])


def rails(place: Place) -> Command:
    return Command(["ruby", "-e", RAILS], {"DATABASE_URL": place.dsn})


MARKED: dict[str, tuple[Callable[[Place], Command], str]] = {
    "alembic": (alembic, "ae1027a6acf"),
    "rails": (rails, "20240102000000"),
    "yoyo": (yoyo, "0001.first"),
}
"""How each is called, and where it then stands."""


@contextmanager
def new_place(server: EmbeddedPostgres, directory: Path) -> Iterator[Place]:
    """A database, a copy of the directory, a folder for configuration."""

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(server.dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute("CREATE DATABASE peer"))
    try:
        with tempfile.TemporaryDirectory() as work:
            # A copy: the tools write beside what they read.
            copy = Path(work) / "supabase" / "migrations"
            path = Path(shutil.copytree(directory, copy))
            yield Place(server.dsn("peer"), path, Path(work))
    finally:
        asyncio.run(execute("DROP DATABASE peer WITH (FORCE)"))


def run(make: Callable[[Place], Command], place: Place, limit: float = LIMIT) -> str:
    """What the tool says when it fails; nothing when it does not."""
    shutil.rmtree(place.work / "migrations", ignore_errors=True)
    command = make(place)
    done = subprocess.run(
        command.arguments,
        input=CONFIRMED,
        env={**os.environ, **command.environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=limit,
    )
    return f"the tool failed:\n{done.stdout}{done.stderr}" if done.returncode else ""


WAITS = 3
"""Seconds after which a process that has not ended is one that waits."""


async def adopt(
    make: Callable[[Place], Command], place: Place, **options: Any
) -> tuple[str, AdoptionReport]:
    """Take over, starting the tool once more when its history has been read.

    Nothing is said when the tool waited or gave up, as it must.
    """
    said = "it was not started in the middle"

    def start_in_the_middle(event: Event) -> None:
        nonlocal said
        if isinstance(event, Planned):
            # The run stands still meanwhile; its keeper does not.
            try:
                said = "" if run(make, place, WAITS) else "it ran in the middle"
            except subprocess.TimeoutExpired:
                said = ""

    report = await asyncmigrate.adopt(
        place.dsn, on_event=start_in_the_middle, **options
    )
    return said, report


async def take_over(tool: Tool, place: Place) -> str:
    """Nothing when all is as it should be, else what is not."""
    options = {
        "directory": str(place.directory),
        "format": tool.name,
        "placeholders": {"DATABASE_NAME": "peer"},
    }
    wrong, report = await adopt(PEERS[tool.name], place, **options)
    if wrong:
        return wrong
    status = await asyncmigrate.status(place.dsn, **options)  # type: ignore[arg-type]  # as above
    rows = report.mapping
    if len(rows) != len(tool.files(place.directory)):
        return f"only {len(rows)} were taken over"
    if {row.verified for row in rows} != {tool.verified}:
        return "not every one was verified"
    if "applied_at" in tool.carries and not all(row.applied_at for row in rows):
        return "not every time was carried over"
    return "; ".join([*status.problems, *([] if status.healthy else ["not healthy"])])


async def take_over_marks(name: str, place: Place) -> str:
    make, head = MARKED[name]
    own = place.work / "own"
    own.mkdir()
    (own / "0001_first.sql").write_text("SELECT 1;", encoding="utf-8")
    options = {"directory": str(own), "at": f"1={head}"}
    wrong, _ = await adopt(make, place, **options)
    if wrong:
        return wrong
    status = await asyncmigrate.status(place.dsn, str(own))
    return "" if status.healthy and not status.warnings else "not healthy"


def main() -> int:
    failed = 0
    with servers.launch() as server, tempfile.TemporaryDirectory() as empty:
        for tool in IN_PLACE:
            make = PEERS.get(tool.name)
            if make is None or shutil.which(tool.name) is None:
                sys.stdout.write(f"{tool.name}: left out: not installed\n")
                continue
            with new_place(server, tool.directory) as place:
                wrong = (
                    run(make, place)
                    or asyncio.run(take_over(tool, place))
                    or run(make, place)
                )
            failed += bool(wrong)
            sys.stdout.write(f"{tool.name}: {wrong or 'taken over'}\n")
        for name, (make, _) in MARKED.items():
            if shutil.which("ruby" if name == "rails" else name) is None:
                sys.stdout.write(f"{name}: left out: not installed\n")
                continue
            with new_place(server, Path(empty)) as place:
                wrong = (
                    run(make, place)
                    or asyncio.run(take_over_marks(name, place))
                    or run(make, place)
                )
            failed += bool(wrong)
            sys.stdout.write(f"{name}: {wrong or 'taken over'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
