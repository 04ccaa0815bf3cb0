"""A library that brings its tables along: built, and used from its wheel as it is."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import anyio
import pytest

from tests.kit.databases import Database

EXAMPLE = Path(__file__).parents[2] / "examples" / "library"
APPLICATION = """
import asyncio, os
import asyncmigrate, asyncpg, outbox

DSN = os.environ["DATABASE_URL"]

async def main():
    for start in range(2):
        ours = await outbox.migrate(DSN)
        theirs = await asyncmigrate.migrate(DSN, "application")
        print(len(ours), len(theirs))
    connection = await asyncpg.connect(DSN)
    await outbox.put(connection, "orders", "one")
    print([tuple(row) for row in await outbox.take(connection)])
    await connection.close()

asyncio.run(main())
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    source = shutil.copytree(EXAMPLE, tmp_path / "source")
    script = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    subprocess.run(
        [sys.executable, "-c", script], cwd=source, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    return wheel


async def test_its_migrations_are_in_the_wheel_and_beside_the_applications(
    database: Database, wheel: Path
) -> None:
    done = await anyio.run_process(
        [sys.executable, "-c", APPLICATION],
        cwd=EXAMPLE,
        env={
            **os.environ,
            "PYTHONPATH": str(wheel),
            "DATABASE_URL": database.dsn,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == ["2 1", "0 0", "[('orders', 'one')]"]
    assert "outbox/migrations/0002_topics.sql" in zipfile.ZipFile(wheel).namelist()
    assert [(row["namespace"], row["version"]) for row in await database.history()] == [
        ("outbox", "0001"),
        ("outbox", "0002"),
        ("default", "0001"),
    ]
    assert await database.tables() == {"orders", "outbox.messages"}
