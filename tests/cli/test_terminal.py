"""On a terminal there is a live display; colour and questions come as asked for."""

import io
import sys

import pytest

from asyncmigrate._cli.terminal import inspect_terminal
from tests.cli.terminals import OnTerminal
from tests.kit.commands import Cli
from tests.kit.databases import Database

CURSOR_UP = "\x1b[1A"
GREEN = "\x1b[32m"


@pytest.fixture
def shop(cli: Cli, database: Database) -> Cli:
    cli.environment["DATABASE_URL"] = database.dsn
    database.files.add(
        "0001_users.sql",
        "-- UP\nCREATE TABLE users (id int);\n-- DOWN\nDROP TABLE users;",
    )
    database.files.add("0002_slow.sql", "SELECT pg_sleep(0.5);")
    return cli


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("environment", "terminal", "colour", "live"),
    [
        ({}, True, True, True),
        ({}, False, False, False),
        ({"NO_COLOR": "1"}, True, False, True),
        ({"NO_COLOR": ""}, True, True, True),
        ({"FORCE_COLOR": "1"}, False, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False, False),
        ({"TERM": "dumb"}, True, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True, False),
    ],
)
def test_what_a_stream_can_show_follows_the_conventions(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    terminal: bool,  # noqa: FBT001 - a table
    colour: bool,  # noqa: FBT001 - a table
    live: bool,  # noqa: FBT001 - a table
) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Stream(terminal=terminal))

    found = inspect_terminal(environment)

    assert (found.colour_out, found.colour_err) == (colour, colour)
    assert (found.live, found.can_ask) == (live, terminal)
    assert (found.table_width is None) is not terminal


def test_streams_that_are_closed_are_no_terminals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    monkeypatch.setattr(sys, "stdin", None)

    assert inspect_terminal({}).live is False


async def test_a_terminal_has_a_live_display(shop: Cli) -> None:
    terminal = OnTerminal(shop, "migrate")

    assert terminal.end() == 0
    assert CURSOR_UP in terminal.raw
    assert GREEN in terminal.raw
    assert set("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") & set(terminal.plain)
    assert "1 of 2" in terminal.plain
    assert "✓ 0001 users" in terminal.plain
    assert terminal.plain.rstrip().split("\r")[-1].startswith("2 migrations applied")


async def test_without_colour_the_display_still_lives(shop: Cli) -> None:
    terminal = OnTerminal(shop, "migrate", env={"NO_COLOR": "1"})

    assert terminal.end() == 0
    assert CURSOR_UP in terminal.raw
    assert GREEN not in terminal.raw


async def test_a_dumb_terminal_gets_plain_lines(shop: Cli) -> None:
    terminal = OnTerminal(shop, "migrate", env={"TERM": "dumb"})

    assert terminal.end() == 0
    assert "\x1b" not in terminal.raw
    assert "[1/2] applied 0001 users" in terminal.plain


async def test_a_pipe_gets_colour_when_it_is_forced_and_no_cursor(shop: Cli) -> None:
    forced = await shop("migrate", env={"FORCE_COLOR": "1"})

    assert GREEN in forced.stderr + forced.stdout
    assert CURSOR_UP not in forced.stderr


async def test_on_a_terminal_the_document_is_indented(shop: Cli) -> None:
    terminal = OnTerminal(shop, "status", "--json")

    assert terminal.end() == 0
    assert '{\n  "format": 1,\n' in terminal.plain


@pytest.mark.parametrize(
    ("answer", "status", "left"), [("y\n", 0, set()), ("n\n", 2, {"users"})]
)
async def test_what_is_protected_is_asked_for_on_a_terminal(
    shop: Cli, database: Database, answer: str, status: int, left: set[str]
) -> None:
    shop.environment["ASYNCMIGRATE_PROTECTED"] = "on"
    await shop("migrate", "--to", "1", "--quiet")
    terminal = OnTerminal(shop, "rollback")

    terminal.until("[y/N]")
    terminal.type(answer)

    assert terminal.end() == status
    assert "roll back 0001 users" in terminal.plain
    assert database.name in terminal.plain
    assert await database.tables() == left


async def test_an_interrupt_in_front_of_a_question_changes_nothing(
    shop: Cli, database: Database
) -> None:
    shop.environment["ASYNCMIGRATE_PROTECTED"] = "on"
    await shop("migrate", "--to", "1", "--quiet")
    terminal = OnTerminal(shop, "rollback")
    terminal.until("[y/N]")

    terminal.process.send_signal(2)

    assert terminal.end() == 130
    assert await database.tables() == {"users"}


async def test_an_error_leaves_the_cursor_where_it_belongs(
    shop: Cli, database: Database
) -> None:
    database.files.add("0003_bad.sql", "SELECT 1;\nSELECT * FROM nothing;")
    terminal = OnTerminal(shop, "migrate")

    assert terminal.end() == 1
    assert "✗ 0003 bad" in terminal.plain
    assert "\x1b[?25h" in terminal.raw
    assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")
