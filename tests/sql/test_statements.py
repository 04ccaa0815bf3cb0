"""Where statements begin and end. See test_oracle and test_fuzz for the rest."""

import time
import tracemalloc
from collections.abc import Callable

import pytest

from asyncmigrate._sql.checksum import token_checksum
from asyncmigrate._sql.script import read_script
from asyncmigrate._sql.sections import read_sections
from asyncmigrate._sql.statements import Unterminated, scan, split


def texts(text: str) -> list[str]:
    return [statement.text for statement in split(text)]


def test_comments_inside_a_statement_are_its_own_and_those_around_it_are_not() -> None:
    text = "-- a\n/* b */ SELECT /* c */ 1 -- d  \n /* e */ ; -- f"

    assert texts(text) == ["SELECT /* c */ 1"]


def test_empty_statements_are_dropped() -> None:
    assert texts(";; -- a\n; SELECT 1;;/* b */;") == ["SELECT 1"]


def test_offsets_are_those_of_the_text_even_with_a_byte_order_mark() -> None:
    (one, two) = split("\ufeff SELECT 1 ; SELECT 2")

    assert (one.start, one.end, one.stop) == (2, 10, 12)
    assert (two.start, two.end, two.stop) == (13, 21, 21)


def test_copy_data_belong_to_their_statement() -> None:
    text = "copy t from STDIN WITH (FORMAT csv) ;\n1;'\n\\.\nSELECT 1;"

    copy, select = split(text)

    assert copy.text == "copy t from STDIN WITH (FORMAT csv)"
    assert copy.copy_data is not None
    assert text[slice(*copy.copy_data)] == "1;'\n"
    assert text[: copy.stop].endswith("\\.\n")
    assert select.text == "SELECT 1"
    assert select.copy_data is None


@pytest.mark.parametrize(
    "text",
    [
        "COPY stdin FROM '/a'; SELECT 1;",
        "COPY (SELECT 1 FROM stdin) TO STDOUT; SELECT 1;",
        'COPY "from" TO stdin; SELECT 1;',
        "COPYING FROM stdin; SELECT 1;",
        "EXPLAIN COPY t FROM stdin; SELECT 1;",
    ],
)
def test_other_statements_are_not_followed_by_data(text: str) -> None:
    assert [it.copy_data for it in split(text)] == [None, None]


def test_copy_from_stdout_is_followed_by_data_too() -> None:
    assert split("COPY t FROM STDOUT;\n\\.\n")[0].copy_data == (20, 20)


def test_data_without_an_end_are_refused() -> None:
    with pytest.raises(Unterminated) as raised:
        split("SELECT 1; COPY t FROM stdin;\n1\n")

    assert (raised.value.what, raised.value.offset) == ("COPY data", 10)


def test_a_backslash_ends_the_statement_and_begins_a_command() -> None:
    select, gset, restrict = split("SELECT 1 \\gset  \n\\restrict abc\n")

    assert (select.text, select.meta_command) == ("SELECT 1", False)
    assert (gset.text, gset.meta_command) == ("\\gset", True)
    assert (restrict.text, restrict.meta_command) == ("\\restrict abc", True)


def test_a_backslash_in_a_body_is_a_command_too() -> None:
    body = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; \\x\nSELECT 2;"

    assert texts(body) == [body[:54], "\\x", "SELECT 2"]


def test_a_body_or_rule_that_never_ends_takes_the_rest() -> None:
    for text in (
        "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; SELECT 2",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2",
    ):
        assert texts(text) == [text]


def test_parentheses_hold_semicolons_in_rules_alone() -> None:
    assert texts("CREATE TABLE t (a int; SELECT 1)") == [
        "CREATE TABLE t (a int",
        "SELECT 1)",
    ]
    assert texts("CREATE FUNCTION f(a int; atomic SELECT 1)") == [
        "CREATE FUNCTION f(a int",
        "atomic SELECT 1)",
    ]


def test_a_scan_stops_where_it_is_told_at_top_level() -> None:
    text = "CREATE TABLE t (\n-- x\na int)\n-- x\nSELECT 1; -- x\n"
    shown: list[str] = []

    def on_comment(start: int, end: int) -> bool:
        shown.append(text[start:end])
        return True

    found = scan(text, 0, on_comment)

    assert shown == ["-- x", "-- x"]
    assert [it.text for it in found.statements] == ["CREATE TABLE t (\n-- x\na int)"]
    assert text[found.stopped_at :].startswith("-- x\nSELECT")


def test_a_scan_shows_each_comment_once_in_bodies_too() -> None:
    text = (
        "CREATE FUNCTION f() /* a */ BEGIN ATOMIC -- 1\nSELECT 1; -- 2\n /* b */ END"
        " -- 3\n ; -- 4\n"
    )
    shown: list[str] = []

    def on_comment(start: int, end: int) -> bool:
        shown.append(text[start:end])
        return text[start:end] in {"-- 2", "-- 3"}

    found = scan(text, 0, on_comment)

    assert shown == ["-- 1", "-- 2", "-- 3"]
    assert text[found.stopped_at :].startswith("-- 3")
    assert found.statements[0].text.endswith("END")


MANY = 20_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("SELECT '" + "x" * 50_000_000 + "'", id="one long string"),
        pytest.param("SELECT E'" + "\\'" * 50 * MANY + "'", id="escapes"),
        pytest.param("SELECT 'a'" + "\n'b'" * 5 * MANY, id="continued string"),
        pytest.param(";" * 1_000_000, id="semicolons"),
        pytest.param("/*" * 10_000 + "*/" * 10_000, id="nested comments"),
        pytest.param("/*" * 10_000, id="open comments"),
        pytest.param("-- UP\n" * MANY, id="markers"),
        pytest.param("-- asyncmigrate: = =\n" * MANY, id="directives"),
        pytest.param("CREATE TABLE t (" + "\n-- UP\n" * MANY, id="markers inside"),
        pytest.param("SELECT " + "+" * 10 * MANY, id="operators"),
        pytest.param("a1$" * 10 * MANY, id="dollars in a name"),
        pytest.param("1$ " * 5 * MANY, id="dollars behind digits"),
        pytest.param("".join(f"$a{n}" for n in range(MANY)), id="open dollars"),
        pytest.param("COMMIT;" * MANY, id="refusals"),
        pytest.param("COPY t FROM stdin;" * MANY, id="copies without data"),
        pytest.param("COPY t FROM stdin;\n\\.\n" * MANY, id="copies"),
        pytest.param("CREATE FUNCTION f() BEGIN ATOMIC " * MANY, id="nested bodies"),
        pytest.param("CREATE RULE r AS ((" + ";" * MANY, id="rule"),
        pytest.param("SELECT 1" + "\n" * 50 * MANY + ";", id="blank lines"),
        pytest.param("SELECT 1" + "\n-- x" * MANY + "\n;", id="trailing comments"),
    ],
)
@pytest.mark.parametrize("work", [read_script, read_sections, token_checksum])
def test_no_text_takes_quadratic_time(text: str, work: Callable[[str], object]) -> None:
    started = time.process_time()

    work(text)

    # The slowest takes half a second here; what is quadratic takes minutes.
    assert time.process_time() - started < 15


@pytest.mark.parametrize("work", [split, read_script, token_checksum])
def test_memory_grows_no_faster_than_the_text(work: Callable[[str], object]) -> None:
    def peak(statements: int) -> int:
        text = "INSERT INTO t VALUES (1, 'it''s'); -- why\n" * statements
        tracemalloc.start()
        work(text)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8_000) < 3 * peak(4_000)
