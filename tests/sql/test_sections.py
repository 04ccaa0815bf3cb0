"""Markers and directives are found where PostgreSQL itself sees a comment."""

import pytest

from asyncmigrate._sql.sections import Section, Sections, read_sections


def bodies(text: str) -> tuple[str | None, str | None]:
    found = read_sections(text)
    assert found.problems == ()
    return (
        found.up.text if found.up else None,
        found.down.text if found.down else None,
    )


def problems(text: str) -> list[tuple[str, int, int]]:
    return [(it.message, it.line, it.column) for it in read_sections(text).problems]


def directives(section: Section | None) -> list[tuple[str, str | None]]:
    return [(it.key, it.value) for it in section.directives] if section else []


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("SELECT 1;", "SELECT 1;", None),
        ("-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;", "SELECT 1;\n", "SELECT 2;"),
        ("SELECT 1;\n-- DOWN\nSELECT 2;", "SELECT 1;\n", "SELECT 2;"),
        ("-- down\nSELECT 2;\n-- up\nSELECT 1;", "SELECT 1;", "SELECT 2;\n"),
        ("\t --Up \t\r\nSELECT 1;\r\n--DOWN\rSELECT 2", "SELECT 1;\r\n", "SELECT 2"),
        ("\ufeff-- UP\nSELECT 1", "SELECT 1", None),
        ("\ufeffSELECT 1", "SELECT 1", None),
        ("-- note\n/* DOWN */\n-- UP\nSELECT 1", "SELECT 1", None),
        ("SELECT 1\n-- DOWN\nSELECT 2", "SELECT 1\n", "SELECT 2"),
        ("SELECT 1;\n-- DOWN\n-- nothing\n;", "SELECT 1;\n", None),
        ("SELECT 1;\n-- DOWN", "SELECT 1;\n", None),
        (
            "CREATE TABLE t (a int)\n-- DOWN\nDROP TABLE t",
            "CREATE TABLE t (a int)\n",
            "DROP TABLE t",
        ),
    ],
)
def test_markers_cut_a_file_into_its_sections(
    text: str, up: str, down: str | None
) -> None:
    assert bodies(text) == (up, down)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '\n-- DOWN\n';",
        'SELECT 1 AS "\n-- DOWN\n";',
        "DO $$\n-- DOWN\n$$;",
        "/*\n-- DOWN\n*/ SELECT 1;",
        "COPY t FROM stdin;\n-- DOWN\n\\.\n",
        "CREATE TABLE t (\n-- down\na int);",
        "CREATE FUNCTION f() BEGIN ATOMIC\n-- DOWN\nSELECT 1;\n-- DOWN\nEND;",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1;\n-- DOWN\nSELECT 2);",
        "SELECT 1; -- DOWN\n",
        "SELECT 1;\n-- DOWN.\n-- DOWN we go\n--- DOWN\n-- UPDATE\n-- +DOWN\n",
        "SELECT 1;\n/**/ -- DOWN\n",
    ],
)
def test_what_only_looks_like_a_marker_is_none(text: str) -> None:
    assert bodies(text) == (text, None)


def test_a_marker_behind_a_body_without_a_semicolon_is_one() -> None:
    body = "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2; END\n"

    assert bodies(f"{body}-- DOWN\nSELECT 3") == (body, "SELECT 3")


def test_sections_know_where_they_stand_in_the_file() -> None:
    text = "-- UP\r\nSELECT 1;\n\n-- DOWN\nSELECT 2;"

    found = read_sections(text)

    assert found.up is not None
    assert found.down is not None
    assert (found.up.offset, found.up.line) == (7, 1)
    assert (found.down.offset, found.down.line) == (text.index("SELECT 2"), 4)


def test_directives_are_read_above_the_first_statement() -> None:
    found = read_sections(
        "-- a note\n"
        "-- asyncmigrate: transaction=off lock-timeout=5s irreversible\n"
        "--ASYNCMIGRATE:x-team=ops\n"
        "SELECT 1;\n"
        "-- DOWN\n"
        "  -- asyncmigrate: role=b\n"
        "SELECT 2;\n"
    )

    assert found.problems == ()
    assert directives(found.up) == [
        ("transaction", "off"),
        ("lock-timeout", "5s"),
        ("irreversible", None),
        ("x-team", "ops"),
    ]
    assert directives(found.down) == [("role", "b")]
    assert found.up is not None
    assert [(it.line, it.column) for it in found.up.directives][1:] == [
        (2, 34),
        (2, 50),
        (3, 16),
    ]


def test_directives_above_the_first_marker_hold_for_both_sections() -> None:
    found = read_sections(
        "-- asyncmigrate: role=a\n-- UP\nSELECT 1;\n"
        "-- DOWN\n-- asyncmigrate: role=b\nSELECT 2;"
    )

    assert directives(found.up) == [("role", "a")]
    assert directives(found.down) == [("role", "a"), ("role", "b")]


def test_a_down_without_a_statement_still_says_that_there_is_none() -> None:
    found = read_sections("SELECT 1;\n-- DOWN\n-- asyncmigrate: irreversible role=b\n")

    assert found.down is None
    assert directives(found.up) == [("irreversible", None)]


def test_that_holds_when_down_stands_above_up() -> None:
    found = read_sections("-- DOWN\n-- asyncmigrate: irreversible\n-- UP\nSELECT 1;")

    assert found == Sections(found.up, None, ())
    assert directives(found.up) == [("irreversible", None)]


EMPTY = "UP has no statement; write `SELECT 1;` when that is on purpose"
LATE = "a directive stands above the first statement of its section"


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", EMPTY, 1, 1),
        ("-- nothing\n;\n", EMPTY, 1, 1),
        ("\n -- UP\n-- DOWN\nSELECT 1", EMPTY, 2, 2),
        ("-- DOWN\nSELECT 1", EMPTY, 1, 1),
        (
            "-- UP\nSELECT 1;\n-- up\nSELECT 2;",
            "a second `-- UP`; a file has one at most",
            3,
            1,
        ),
        (
            "SELECT 1;\n-- DOWN\nSELECT 1;\n-- DOWN\nSELECT 2;",
            "a second `-- DOWN`; a file has one at most",
            4,
            1,
        ),
        (
            "\n SELECT 0;\n-- UP\nSELECT 1;",
            "SQL stands before the first marker; move it below `-- UP`",
            2,
            2,
        ),
        ("SELECT 1;\n-- asyncmigrate: a=b", LATE, 2, 1),
        ("SELECT\n-- asyncmigrate: a=b\n1", LATE, 2, 1),
        (
            "-- asyncmigrate: a b= c\nSELECT 1",
            "`b=` is no directive; write `key=value` without blanks",
            1,
            20,
        ),
        (
            "-- asyncmigrate:\nSELECT 1",
            "a directive names a key, as in `transaction=off`",
            1,
            17,
        ),
        (
            "-- asyncmigrate transaction=off\nSELECT 1",
            "write `-- asyncmigrate: key=value`, with a colon",
            1,
            1,
        ),
        ("SELECT 1;\nSELECT 'a", "this string is never closed", 2, 8),
        ("-- UP\n\nDO $a$\n-- DOWN\n", "this dollar quote is never closed", 3, 4),
        ("SELECT 1; /* -- DOWN\n", "this comment is never closed", 1, 11),
        ("COPY t FROM stdin;\n", "this COPY data is never closed", 1, 1),
    ],
)
def test_a_problem_is_told_with_its_place(
    text: str, message: str, line: int, column: int
) -> None:
    assert problems(text) == [(message, line, column)]


def test_all_problems_are_told_at_once_in_their_order() -> None:
    found = problems(
        "-- UP\n-- asyncmigrate: =\nSELECT 1;\n-- UP\n-- DOWN\n-- DOWN\nSELECT 'a"
    )

    assert [line for _, line, _ in found] == [2, 4, 6, 7]


def test_a_comment_that_only_names_the_tool_is_no_directive() -> None:
    found = read_sections("-- asyncmigrate is nice; a = b\nSELECT 1;")

    assert found.problems == ()
    assert directives(found.up) == []
