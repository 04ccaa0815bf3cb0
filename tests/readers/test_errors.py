"""An error tells people what, where, and what to do."""

import pytest
from inline_snapshot import snapshot

from asyncmigrate._readers.colour import Painter
from asyncmigrate._readers.errors import ErrorView
from asyncmigrate._readers.text import width
from asyncmigrate.errors import (
    Conflict,
    ConflictsFound,
    LockNotAcquired,
    MigrationError,
    MigrationFailed,
)
from asyncmigrate.results import Outcome
from tests.readers.samples import CONFLICT, result

STATEMENT = """\
CREATE VIEW report AS
\tSELECT u.id, o.total
\tFROM userz u
\tJOIN orders o ON o.user_id = u.id"""


def failure(statement: str = STATEMENT, at: str = "userz") -> MigrationFailed:
    position = statement.index(at)
    return MigrationFailed(
        'relation "userz" does not exist',
        version="0003",
        file="0003_report.sql",
        line=7 + statement.count("\n", 0, position),
        column=position - statement.rfind("\n", 0, position),
        sqlstate="42P01",
        statement=statement,
        detail="there is only users",
        hint="spell it right",
        position=position,
    )


def test_a_failed_statement_is_shown_with_a_caret_under_the_place() -> None:
    error = failure()
    error.results = (
        result("0001"),
        result("0002"),
        result("0003", status=Outcome.FAILED),
    )

    assert ErrorView().render(error) == snapshot("""\
error: relation "userz" does not exist
  at 0003_report.sql:9:7

 7 | CREATE VIEW report AS
 8 |     SELECT u.id, o.total
 9 |     FROM userz u
   |          ^
10 |     JOIN orders o ON o.user_id = u.id

sqlstate: 42P01
detail: there is only users
hint: spell it right

2 migrations of this run stand: 0001 create users to 0002 create users\
""")


def test_a_caret_finds_its_cell_behind_tabs_and_wide_characters() -> None:
    shown = ErrorView().render(failure("SELECT '顧客',\t\x1b, userz"))

    line, caret = shown.splitlines()[3:5]
    assert width(line[: line.index("userz")]) == width(caret[: caret.index("^")])


@pytest.mark.parametrize("at", ["first", "middle", "last"])
def test_a_long_line_is_cut_around_the_caret(at: str) -> None:
    statement = "SELECT first" + " , filling" * 30 + ", middle" + ", x" * 60 + ", last"

    shown = ErrorView(width=60).render(failure(statement, at))

    line, caret = shown.splitlines()[3:5]
    assert max(map(width, (line, caret))) <= 60
    assert line[caret.index("^") :].startswith(at)


def test_of_a_long_statement_the_lines_around_the_place_are_shown() -> None:
    statement = "\n".join(f"line {number}" for number in range(100))

    shown = ErrorView().render(failure(statement, "line 50"))
    whole = ErrorView(whole=True).render(failure(statement, "line 50"))

    assert "line 43" not in shown
    assert "57 | line 50" in shown
    assert "| … 47 more lines" in shown
    assert "line 99" in whole


def test_without_a_position_the_statement_is_shown_without_a_caret() -> None:
    error = failure("\n".join(f"line {number}" for number in range(20)), "line 1")
    error.position = None

    shown = ErrorView().render(error)

    assert "^" not in shown
    assert "  | line 11\n  | … 8 more lines" in shown


def test_all_conflicts_are_listed_with_their_remedies() -> None:
    other = Conflict(
        kind="duplicate", message="version 2 is there twice", file="a\x1b.sql", line=1
    )

    assert ErrorView().render(ConflictsFound([CONFLICT, other])) == snapshot("""\
error: 2 conflicts; nothing was changed

- 0002_orders.sql: 0002 was edited after it had been applied
  hint: put it back, or `asyncmigrate repair --accept-checksums`
    --- stored
    +++ 0002_orders.sql
    @@ -1 +1 @@
    -id int
    +id bigint

- a\\x1b.sql:1: version 2 is there twice\
""")


def test_an_error_without_a_place_is_a_sentence_and_a_hint() -> None:
    shown = ErrorView().render(LockNotAcquired(waited=300, holder="web-1"))

    assert shown == snapshot("""\
error: the lock was not free within 300 s; held by web-1; nothing was changed

hint: wait for the other run, or raise `lock_wait`\
""")


def test_nothing_in_an_error_steers_the_terminal() -> None:
    evil = "\x1b[2J\u202e"
    error = MigrationError(
        evil, version=evil, file=evil, statement=evil, detail=evil, hint=evil
    )
    error.results = (result(evil, name=evil),)

    shown = ErrorView().render(error)

    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_colour_says_nothing_that_words_do_not() -> None:
    painted = ErrorView(paint=Painter(enabled=True)).render(ConflictsFound([CONFLICT]))

    assert "\x1b[1;31merror:\x1b[0m" in painted
    assert "\x1b[32m+id bigint\x1b[0m" in painted
