"""A command line read without typer is read as typer reads it, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asyncmigrate._cli import app
from asyncmigrate._cli.command import Command
from asyncmigrate._cli.commands import migrate, status, wait
from asyncmigrate._cli.options import spelt
from asyncmigrate._cli.output import Output
from asyncmigrate._cli.plain import read_plainly
from asyncmigrate._cli.signals import Signals
from asyncmigrate.errors import InvalidUsage
from tests.kit.commands import Cli
from tests.kit.databases import Database

COMMANDS = [migrate.COMMAND, status.COMMAND, wait.COMMAND]
VALUES = ["x", "5s", "postgresql://u:p=q@h/d?x=1", "a b", "--", "-", "--json", "-q", ""]


def by_typer(command: Command, arguments: list[str]) -> dict[str, Any] | None:
    """What typer hands to a command; null where it refuses the arguments."""
    seen: list[dict[str, Any]] = []

    def keep(_: Command, __: Output, ___: Signals, values: dict[str, Any]) -> None:
        seen.append(values)

    patch = pytest.MonkeyPatch()
    patch.setattr(Command, "call", keep)
    patch.setattr(app, "_plain", lambda _: (None, None))
    try:
        app._dispatch([command.name, *arguments], Output(), Signals())  # noqa: SLF001 - what `run` calls, with errors as they are
    except InvalidUsage:
        return None
    finally:
        patch.undo()
    return seen[0] if seen else None


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[Command, list[str]]:
    command = draw(st.sampled_from(COMMANDS))
    spellings = [spelt(name) for name in command.options]
    spellings += [f"--no-{each[2:]}" for each in spellings]
    spellings += ["-d", "-q", "-v", "-qv", "-dx", "--help", "--unknown", "extra", "--"]
    one = st.one_of(
        st.sampled_from(spellings),
        st.sampled_from(VALUES),
        st.tuples(st.sampled_from(spellings), st.sampled_from(VALUES)).map("=".join),
        st.tuples(st.sampled_from(spellings), st.sampled_from(VALUES)).map(list),
    )
    drawn = draw(st.lists(one, max_size=6))
    return command, [
        word for each in drawn for word in (each if isinstance(each, list) else [each])
    ]


@settings(max_examples=400, suppress_health_check=list(HealthCheck), print_blob=False)
@given(command_lines())
@example((migrate.COMMAND, ["-d", "a", "--directory=b", "--to", "0007", "-q"]))
@example((migrate.COMMAND, ["--no-allow-pooler", "--lock-wait", "5s", "--dry-run"]))
@example((wait.COMMAND, ["--timeout=30s", "--dsn", "postgresql://h/d", "--json"]))
def test_it_reads_what_typer_reads(
    capsys: pytest.CaptureFixture[str], line: tuple[Command, list[str]]
) -> None:
    command, arguments = line

    plain = read_plainly(arguments, command.options)

    if plain is not None:
        assert plain == by_typer(command, arguments)
    capsys.readouterr()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_of_a_plain_command_can_be_read(command: Command) -> None:
    for name, option in command.options.items():
        switched = option.is_switch or option.flag
        arguments = [spelt(name)] if switched else [spelt(name), "x"]

        plain = read_plainly(arguments, command.options)

        assert plain == by_typer(command, arguments)
        assert plain is not None
        assert plain[name] == (["x"] if option.multiple else switched or "x")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["-h"], ["--unknown"], ["extra"], ["--dsn"], ["--dsn="], ["--dr"],
        ["-qv"], ["-dx"], ["--json=1"], ["--json", "--json"], ["--dsn", "--json"],
        ["--dsn", "x", "--dsn", "x"], ["--"],
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_typer(arguments: list[str]) -> None:
    assert read_plainly(arguments, migrate.COMMAND.options) is None


async def test_a_plain_command_loads_no_typer(cli: Cli, database: Database) -> None:
    database.files.add("0001_a.sql", "CREATE TABLE a (id int);")
    environment = {"PYTHONPROFILEIMPORTTIME": "1", "ASYNCMIGRATE_FAST": "0"}

    ran = await cli("migrate", "--dsn", database.dsn, env=environment)
    again = await cli("migrate", "--dsn", database.dsn, env=environment)

    assert ran.exit_status == again.exit_status == 0
    for each in (ran, again):
        loaded = {line.rpartition("|")[2].strip() for line in each.stderr.splitlines()}
        assert "asyncpg" in loaded
        assert not loaded & {"typer", "pydantic", "rich"}


async def test_a_start_with_nothing_to_do_loads_neither_planner_nor_scanner(
    cli: Cli, database: Database
) -> None:
    database.files.add("0001_a.sql", "CREATE TABLE a (id int);")
    environment = {"PYTHONPROFILEIMPORTTIME": "1", "ASYNCMIGRATE_FAST": "0"}
    await cli("migrate", "--dsn", database.dsn)

    again = await cli("migrate", "--dsn", database.dsn, env=environment)

    loaded = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines()}
    rooms = {".".join(each.split(".")[:2]) for each in loaded}
    assert again.stdout == "nothing to do\n"
    assert "asyncmigrate._engine.settled" in loaded
    assert "asyncmigrate._engine.run" not in loaded
    assert not rooms & {
        "asyncmigrate._plan",
        "asyncmigrate._layouts",
        "anyio._backends",
    }


async def test_what_is_registered_for_the_exit_is_done_all_the_same(
    cli: Cli, database: Database, tmp_path: Path
) -> None:
    database.files.add("0001_a.sql", "CREATE TABLE a (id int);")
    await cli("migrate", "--dsn", database.dsn)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import atexit\natexit.register(lambda: print('left in order', flush=True))\n"
    )

    for fast in ("0", "1"):
        done = await cli(
            "migrate",
            "--dsn",
            database.dsn,
            env={"PYTHONPATH": str(site), "ASYNCMIGRATE_FAST": fast},
        )

        assert done.exit_status == 0
        assert done.stdout == "nothing to do\nleft in order\n"
