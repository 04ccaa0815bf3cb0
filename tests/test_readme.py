"""What the README shows is run here as it stands."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.kit.commands import Cli
from tests.kit.databases import Database

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
CHECKOUT = Path(__file__).parent.parent


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def _block(language: str, containing: str) -> str:
    [block] = [each for each in _blocks(language) if containing in each]
    return str(block)


def _commands(block: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in block.splitlines()]


async def test_the_commands_of_the_quick_start_do_what_they_say(
    database: Database, cli: Cli
) -> None:
    migration = _block("sql", "CREATE TABLE users")
    environment = {"DATABASE_URL": database.dsn}
    commands = _commands(_block("console", "asyncmigrate migrate"))

    assert commands[0][0] == "export"
    for program, *arguments in commands[1:]:
        assert program == "asyncmigrate"
        outcome = await cli(*arguments, env=environment)

        assert outcome.exit_status == 0, outcome
        if arguments[0] == "new":
            [written] = [str(path) for path in _sql_files(cli.cwd)]
            assert re.search(r"/migrations/\d{8}_001_create_users\.sql$", written)
            _replace(written, migration)
        elif "--dry-run" in arguments:
            assert "email text NOT NULL UNIQUE" in outcome.stdout
            assert await database.tables() == set()
        elif arguments == ["migrate"]:
            assert await database.tables() == {"users"}

    assert await database.tables() == set()


def _sql_files(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.sql"))


def _replace(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


async def test_the_lifespan_migrates_before_the_application_serves(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = _block("python", "lifespan")
    database.files.add("0001_users.sql", _block("sql", "CREATE TABLE users"))
    monkeypatch.chdir(tmp_path)
    module = ModuleType("fastapi")
    module.FastAPI = lambda lifespan: lifespan  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "fastapi", module)
    names: dict[str, Any] = {}

    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own README
    names["DSN"] = database.dsn
    async with names["lifespan"](names["app"]):
        served = await database.tables()

    assert served == {"users"}


def test_the_fixture_gives_tests_a_migrated_database(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    sql = _block("sql", "CREATE TABLE users")
    (tmp_path / "migrations" / "0001_users.sql").write_text(sql, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(_block("python", "fixture"), encoding="utf-8")
    (tmp_path / "test_users.py").write_text(
        "import asyncio\n"
        "import asyncpg\n"
        "def test_there_are_users(dsn):\n"
        "    async def ask():\n"
        "        connection = await asyncpg.connect(dsn)\n"
        "        return await connection.fetchval('SELECT count(*) FROM users')\n"
        "    assert asyncio.run(ask()) == 0\n",
        encoding="utf-8",
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_every_block_of_the_readme_is_run_by_one_of_these_tests() -> None:
    assert len(_blocks("python")) == 2
    assert len(_blocks("sql")) == 1
    assert len(_blocks("console")) == 3  # the make targets and pip are not run again
    for block in _blocks("python"):
        ast.parse(block)


def test_the_targets_and_files_that_the_readme_names_are_there() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", README, re.MULTILINE)
    linked = re.findall(r"\]\(([^)#]+)\)", README)

    assert targets == ["demo", "test"]
    assert [name for name in targets if f"\n{name}:" not in makefile] == []
    assert [path for path in linked if not (CHECKOUT / path).exists()] == []
