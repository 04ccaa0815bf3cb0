"""Tables are aligned, and fit."""

import re

import pytest
from inline_snapshot import snapshot

from asyncmigrate._readers.colour import ASCII_MARKS, Painter, marks_for
from asyncmigrate._readers.tables import Column, TableView
from asyncmigrate._readers.text import width
from asyncmigrate.results import Status
from tests.readers.samples import HISTORY, STATUS


def test_a_status_fits_into_eighty_columns() -> None:
    assert TableView(width=80).status(STATUS) == snapshot("""\
   version  name                       status    applied at (UTC)           took
✓  0001     create users               applied   2026-03-15 12:00:05       12 ms
✗  0002     orders, whose name goes …  modified  2026-03-15 12:00:05  1 min 05 s
·  0003                                pending
·  0004     drop\\x1b[2J\\x1b]0;owned\\…  pending

2 applied, 2 pending, 1 modified; the newest applied is 0002
locked for 1 min 15 s by web-1, process 17, at 0002 (2 of 5)
problem: 0002 was edited after it had been applied\
""")


def test_in_a_pipe_nothing_is_shortened() -> None:
    shown = TableView().status(STATUS)

    assert "does not end here" in shown
    assert "…" not in shown


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 120])
def test_a_table_is_as_wide_as_the_terminal_at_most(columns: int) -> None:
    view = TableView(width=columns)

    table = view.status(STATUS).split("\n\n")[0]
    trail = view.history(HISTORY).split("\n\n")[0]

    assert max(map(width, table.splitlines())) <= max(columns, 40)
    assert max(map(width, trail.splitlines())) <= max(columns, 72)


def test_an_audit_trail_fits_into_eighty_columns() -> None:
    assert TableView(width=80).history(HISTORY) == snapshot("""\
at (UTC)             what               version  name          took  detail
2026-03-15 12:00:05  up                 0001     create use…  12 ms
2026-03-15 12:00:05  checksum accepted  0001                         from sha25…

2 entries\
""")


def test_an_empty_history_and_an_empty_directory_are_said() -> None:
    empty = Status(namespace="tenant", migrations=(), lock=None)

    assert TableView().history(()) == "nothing was ever applied here"
    assert TableView().status(empty) == "0 applied, 0 pending; namespace tenant"


def test_wide_characters_keep_the_columns_aligned() -> None:
    columns = [Column("name", ["顧客", "users"]), Column("n", ["1", "10"], right=True)]

    assert TableView().render(columns) == ["name    n", "顧客    1", "users  10"]


def test_colour_moves_no_column() -> None:
    plain = TableView(width=80).status(STATUS)
    painted = TableView(width=80, paint=Painter(enabled=True)).status(STATUS)

    assert "\x1b[33m" in painted
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == plain


def test_a_stream_without_unicode_has_marks_of_its_own() -> None:
    assert marks_for("latin-1") is ASCII_MARKS
    assert marks_for("utf-8").done == "✓"
    assert marks_for(None) is ASCII_MARKS
    assert marks_for("no-such-encoding") is ASCII_MARKS
