"""SQL migrations, read: sections, pairs, lines, checksums, and what is wrong."""

import math

import pytest

from asyncmigrate._layouts.texts import text_of
from asyncmigrate._migration import Options, Unreadable
from asyncmigrate._sql.checksum import raw_checksum, token_checksum
from tests.layouts.disk import Disk

BOTH = """\
-- Users of the shop.
-- asyncmigrate: lock-timeout=2s role=owner

-- UP

-- asyncmigrate: statement-timeout=10min

CREATE TABLE users ();

-- DOWN
-- asyncmigrate: lock-timeout=1s

DROP TABLE users;

"""


def test_each_section_is_its_own_text_with_the_line_on_which_it_begins(
    disk: Disk,
) -> None:
    disk.add("1.sql", BOTH)

    definition = disk.define()

    assert definition.up.text == (
        "-- asyncmigrate: statement-timeout=10min\n\nCREATE TABLE users ();"
    )
    assert (definition.up.file, definition.up.line) == ("1.sql", 6)
    assert definition.down is not None
    assert definition.down.text == (
        "-- asyncmigrate: lock-timeout=1s\n\nDROP TABLE users;"
    )
    assert (definition.down.file, definition.down.line) == ("1.sql", 11)


def test_directives_before_the_first_marker_hold_for_both_and_the_sections_own_win(
    disk: Disk,
) -> None:
    disk.add("1.sql", BOTH)

    definition = disk.define()

    assert definition.up.options == Options(
        lock_timeout=2.0, statement_timeout=600.0, role="owner"
    )
    assert definition.down is not None
    assert definition.down.options == Options(lock_timeout=1.0, role="owner")


def test_checksums_are_those_of_the_up_text_alone(disk: Disk) -> None:
    disk.add("1.sql", BOTH)

    definition = disk.define()

    assert definition.checksum == raw_checksum(definition.up.text)
    assert definition.token_checksum == token_checksum("create table users();")


def test_a_file_with_windows_line_ends_and_byte_order_mark_is_the_same_migration(
    disk: Disk,
) -> None:
    disk.add("1.sql", BOTH)
    plain = disk.define()
    disk.add("1.sql", "\ufeff" + BOTH.replace("\n", "\r\n"))

    assert disk.define() == plain


def test_blank_lines_at_both_ends_are_no_part_of_the_text(disk: Disk) -> None:
    disk.add("1.sql", "\n \n  SELECT 1;\n\n\n")

    up = disk.define().up

    assert (up.text, up.line) == ("  SELECT 1;", 3)


def test_without_markers_the_whole_file_is_up(disk: Disk) -> None:
    disk.add("1.sql", "SELECT '\n-- DOWN\n';\nSELECT $$\n-- UP\n$$;")

    definition = disk.define()

    assert definition.up.text == "SELECT '\n-- DOWN\n';\nSELECT $$\n-- UP\n$$;"
    assert definition.down is None
    assert definition.down_checksum is None


def test_a_down_that_stands_in_front_of_the_up_is_the_same(disk: Disk) -> None:
    disk.add("1.sql", "-- DOWN\nDROP TABLE a;\n-- UP\nCREATE TABLE a ();\n")

    definition = disk.define()

    assert (definition.up.text, definition.up.line) == ("CREATE TABLE a ();", 4)
    assert definition.down is not None
    assert (definition.down.text, definition.down.line) == ("DROP TABLE a;", 2)


@pytest.mark.parametrize("down", ["", "-- nothing\n", "-- UP\n"])
def test_a_down_without_a_statement_is_none(disk: Disk, down: str) -> None:
    text = "SELECT 1;\n-- DOWN\n" if down != "-- UP\n" else "-- DOWN\n-- UP\nSELECT 1;"
    disk.add("1.sql", text + ("" if down == "-- UP\n" else down))

    definition = disk.define()

    assert definition.down is None
    assert definition.down_checksum is None
    assert not definition.irreversible


@pytest.mark.parametrize(
    "text",
    [
        "-- asyncmigrate: irreversible\nSELECT 1;",
        "-- asyncmigrate: irreversible\n-- UP\nSELECT 1;\n-- DOWN\n",
        "-- UP\n-- asyncmigrate: irreversible\nSELECT 1;",
        "-- UP\nSELECT 1;\n-- DOWN\n-- asyncmigrate: irreversible\n",
        "SELECT 1;\n-- DOWN\n-- the data are gone\n-- asyncmigrate: irreversible",
    ],
)
def test_a_migration_is_irreversible_wherever_it_says_so(disk: Disk, text: str) -> None:
    disk.add("1.sql", text)

    assert disk.define().irreversible


def test_irreversible_beside_a_down_is_a_contradiction(disk: Disk) -> None:
    disk.add(
        "1.sql", "-- UP\nSELECT 1;\n-- DOWN\n-- asyncmigrate: irreversible\nDROP x;"
    )

    (problem,) = disk.refused()

    assert str(problem) == (
        "1.sql:4: the migration is called irreversible, and has a DOWN"
    )
    assert problem.hint == "take out the DOWN, or `irreversible`"


def test_everything_that_is_wrong_with_a_file_is_told_once_and_in_order(
    disk: Disk,
) -> None:
    disk.add(
        "1.sql",
        "-- asyncmigrate: lock_timeout=5s\n-- UP\n-- DOWN\n-- asyncmigrate: role\n"
        "DROP TABLE a;\n-- DOWN\nSELECT 1;",
    )

    assert disk.wrong() == [
        "1.sql:1:18: there is no directive `lock_timeout`",
        ("1.sql:2:1: UP has no statement; write `SELECT 1;` when that is on purpose"),
        "1.sql:4:18: `role` wants a value",
        "1.sql:6:1: a second `-- DOWN`; a file has one at most",
    ]


def test_what_is_wrong_under_an_empty_down_is_told(disk: Disk) -> None:
    disk.add("1.sql", "SELECT 1;\n-- DOWN\n-- asyncmigrate: reversible\n")

    (problem,) = disk.refused()

    assert str(problem) == "1.sql:3:18: there is no directive `reversible`"
    assert problem.hint == "did you mean `irreversible`?"


@pytest.mark.parametrize("text", ["", "\n", "-- nothing", "-- UP\n-- DOWN\nSELECT 1;"])
def test_an_up_without_a_statement_is_refused_with_what_to_write(
    disk: Disk, text: str
) -> None:
    disk.add("1.sql", text)

    assert disk.wrong() == [
        "1.sql:1:1: UP has no statement; write `SELECT 1;` when that is on purpose"
    ]


def test_an_up_twice_is_refused(disk: Disk) -> None:
    disk.add("1.sql", "-- UP\nSELECT 1;\n-- UP\nSELECT 2;")

    assert disk.wrong() == ["1.sql:3:1: a second `-- UP`; a file has one at most"]


def test_a_quote_that_is_never_closed_has_its_place(disk: Disk) -> None:
    disk.add("1.sql", "SELECT 1;\n\nSELECT 'it;\n")

    assert disk.wrong() == ["1.sql:3:8: this string is never closed"]


@pytest.mark.parametrize(
    ("content", "wrong", "hint"),
    [
        (
            b"\xef\xbb\xbfSELECT 1;\r\n-- ab\xe9\r\nSELECT 2;",
            "1.sql:2:6: byte 0xe9 is not UTF-8",
            "save it as UTF-8",
        ),
        (b"\xff", "1.sql:1:1: byte 0xff is not UTF-8", "save it as UTF-8"),
        (
            "SELECT 1;".encode("utf-16"),
            "1.sql:1:1: byte 0xff is not UTF-8",
            "save it as UTF-8; it looks like UTF-16",
        ),
        (
            b"\xef\xbb\xbfSELECT 1;\r\n\r--\x00",
            "1.sql:3:3: a NUL byte, which PostgreSQL cannot store",
            "take it out",
        ),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(
    disk: Disk, content: bytes, wrong: str, hint: str
) -> None:
    disk.add("1.sql", content)

    (problem,) = disk.refused()

    assert (str(problem), problem.hint) == (wrong, hint)


def test_a_text_is_told_by_the_name_of_its_file() -> None:
    assert text_of(b"\xef\xbb\xbfa\rb\r\nc", "1.sql") == "a\nb\nc"
    with pytest.raises(Unreadable, match=r"^1\.sql:1:1: "):
        text_of(b"\xff", "1.sql")


def test_a_pair_is_two_texts_each_with_its_file_and_its_own_directives(
    disk: Disk,
) -> None:
    disk.add("1.up.sql", "\n-- asyncmigrate: block-limit=off\nCREATE TABLE a ();\n")
    disk.add("1.down.sql", "-- asyncmigrate: role=owner\nDROP TABLE a;\n")

    definition = disk.define()

    assert (definition.up.file, definition.up.line) == ("1.up.sql", 2)
    assert definition.up.options == Options(block_limit=math.inf)
    assert definition.down is not None
    assert (definition.down.file, definition.down.line) == ("1.down.sql", 1)
    assert definition.down.options == Options(role="owner")
    assert definition.down_checksum == raw_checksum(definition.down.text)


@pytest.mark.parametrize(
    "up", ["-- UP\nSELECT 1;", "SELECT 1;\n-- DOWN\n", "SELECT 1;\n-- DOWN\nSELECT 2;"]
)
def test_a_marker_in_a_pair_is_refused(disk: Disk, up: str) -> None:
    disk.add("1.up.sql", up)
    disk.add("1.down.sql", "SELECT 1;")

    (problem,) = disk.refused()

    assert str(problem) == "1.up.sql: a file of a pair holds no `-- UP` or `-- DOWN`"
    assert problem.hint


@pytest.mark.parametrize("down", ["-- DOWN\n", "-- DOWN\nDROP TABLE a;", "-- UP\n"])
def test_a_marker_in_the_down_of_a_pair_is_refused(disk: Disk, down: str) -> None:
    disk.add("1.up.sql", "SELECT 1;")
    disk.add("1.down.sql", down)

    assert "1.down.sql: a file of a pair holds no `-- UP` or `-- DOWN`" in disk.wrong()


def test_an_up_file_without_its_down_is_a_migration_without_down(disk: Disk) -> None:
    disk.add("1.up.sql", "-- asyncmigrate: irreversible\nSELECT 1;")

    definition = disk.define()

    assert definition.down is None
    assert definition.irreversible


@pytest.mark.parametrize(
    ("down", "irreversible"),
    [("", False), ("-- no\n", False), ("-- asyncmigrate: irreversible", True)],
)
def test_a_down_file_without_a_statement_is_none(
    disk: Disk, down: str, *, irreversible: bool
) -> None:
    disk.add("1.up.sql")
    disk.add("1.down.sql", down)

    definition = disk.define()

    assert definition.down is None
    assert definition.irreversible is irreversible


def test_both_files_of_a_pair_are_told_at_once(disk: Disk) -> None:
    disk.add("1.up.sql", "-- nothing")
    disk.add("1.down.sql", b"\xff")

    assert disk.wrong() == [
        "1.down.sql:1:1: byte 0xff is not UTF-8",
        (
            "1.up.sql:1:1: UP has no statement;"
            " write `SELECT 1;` when that is on purpose"
        ),
    ]


@pytest.mark.parametrize("changed", ["1.up.sql", "1.down.sql"])
def test_a_pair_of_which_one_file_was_changed_is_refused(
    disk: Disk, changed: str
) -> None:
    disk.add("1.up.sql")
    disk.add("1.down.sql")
    (file,) = disk.read().files
    disk.add(changed, "SELECT 2;")

    with pytest.raises(Unreadable, match=rf"{changed}: the file was changed while"):
        file.define()


def test_a_file_of_fifty_megabytes_is_read(disk: Disk) -> None:
    line = "x" * 1022
    body = f"{line}\n" * 51_200
    disk.add("1.sql", f"-- UP\nSELECT $$\n{body}$$;\n-- DOWN\nSELECT 1;\n")

    definition = disk.define()

    assert len(definition.up.text) > 50_000_000
    assert definition.down is not None
    assert definition.down.line == 51_200 + 5
