"""Places, quotes and differences."""

from collections.abc import Callable

import pytest

from asyncmigrate._sql import difference
from asyncmigrate._sql.difference import unified
from asyncmigrate._sql.position import line_column
from asyncmigrate._sql.quoting import qualified, quote_ident, quote_literal


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("", 0, (1, 1)),
        ("a\nb", 2, (2, 1)),
        ("a\r\nb", 3, (2, 1)),
        ("a\r\nb", 2, (1, 3)),
        ("a\rb", 2, (2, 1)),
        ("a\n\ré", 4, (3, 2)),
        ("a", 99, (1, 2)),
        ("a", -1, (1, 1)),
    ],
)
def test_places_count_lines_and_characters_from_one(
    text: str, offset: int, place: tuple[int, int]
) -> None:
    assert line_column(text, offset) == place


def test_names_are_always_quoted() -> None:
    assert quote_ident('a"b') == '"a""b"'
    assert qualified("A", "b") == '"A"."b"'


def test_strings_are_quoted_for_every_setting() -> None:
    assert quote_literal("it's") == "'it''s'"
    assert quote_literal("a\\'b") == "E'a\\\\''b'"


@pytest.mark.parametrize("quote", [quote_ident, quote_literal])
def test_a_nul_is_refused(quote: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0")


def test_a_name_is_not_empty() -> None:
    with pytest.raises(ValueError, match="empty"):
        quote_ident("")


def test_a_difference_names_both_texts() -> None:
    text = unified("a\nb\nc\n", "a\nB\nc\n", old_name="stored", new_name="file")

    assert text == "--- stored\n+++ file\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"


def test_equal_texts_have_no_difference() -> None:
    assert unified("a\nb", "a\nb", old_name="x", new_name="y") == ""


def test_line_numbers_hold_behind_a_long_common_beginning() -> None:
    same = "".join(f"{n}\n" for n in range(1, 5001))

    text = unified(same + "old\n", same + "new\n", old_name="x", new_name="y")

    assert text.splitlines()[2:] == [
        "@@ -4998,4 +4998,4 @@",
        " 4998",
        " 4999",
        " 5000",
        "-old",
        "+new",
    ]


def test_a_change_in_the_middle_of_a_long_text_is_shown_alone() -> None:
    same = "".join(f"{n}\n" for n in range(5000))

    text = unified(f"{same}a\n{same}", f"{same}b\n{same}", old_name="x", new_name="y")

    assert text.splitlines()[2:] == [
        "@@ -4998,7 +4998,7 @@",
        *(" 4997", " 4998", " 4999", "-a", "+b", " 0", " 1", " 2"),
    ]


def test_a_huge_difference_is_cut_and_says_so() -> None:
    old = "".join(f"old {n}\n" for n in range(difference.MOST_LINES * 2))
    new = "".join(f"new {n}\n" for n in range(difference.MOST_LINES * 2))

    text = unified(old, new, old_name="x", new_name="y")

    assert len(text.splitlines()) < difference.MOST_LINES * 2 + 10
    assert "were not compared" in text.splitlines()[-1]


def test_a_change_at_the_end_alone_of_a_line_is_seen() -> None:
    assert "-a\x0cb" in unified("a\x0cb", "a\x0cc", old_name="x", new_name="y")
