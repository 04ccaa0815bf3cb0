"""What files and servers say cannot steer a terminal, and fits into it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._readers.text import (
    escape,
    escape_block,
    pad,
    plural,
    shorten,
    spell_clock,
    spell_duration,
    width,
)


@given(st.text(st.characters(codec=None)))
def test_an_escaped_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = escape(text)

    left = {unicodedata.category(c) for c in shown if c not in "\u200c\u200d"}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("add users", "add users"),
        ("naïve 顧客 👍", "naïve 顧客 👍"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b1m", "\\x9b1m"),
        ("\u202eevil", "\\u202eevil"),
        ("\udc80", "\\udc80"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_control_characters_are_spelt_out(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_block_keeps_its_lines_and_tabs() -> None:
    assert escape_block("a\r\n\tb\x1b\n") == "a\n\tb\\x1b\n"


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 20))
def test_a_shortened_text_fits(text: str, cells: int) -> None:
    shown = escape(text)

    assert width(shorten(shown, cells)) <= cells
    assert shorten(shown, width(shown)) == shown


def test_wide_characters_count_twice_and_marks_nothing() -> None:
    assert width("顧客") == 4
    assert width("e\u0301") == 1
    assert shorten("顧客管理", 5) == "顧客…"
    assert pad("顧客", 6) == "顧客  "
    assert pad("7", 3, right=True) == "  7"


@pytest.mark.parametrize(
    ("seconds", "spelt"),
    [
        (0, "0 ms"),
        (0.0124, "12 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.0 s"),
        (3.44, "3.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125.4, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7260, "2 h 01 min"),
    ],
)
def test_durations_are_spelt_as_people_read_them(seconds: float, spelt: str) -> None:
    assert spell_duration(seconds) == spelt


def test_a_growing_duration_does_not_flicker() -> None:
    assert [spell_clock(s) for s in (0.04, 0.51, 61)] == [
        "0.0 s",
        "0.5 s",
        "1 min 01 s",
    ]


def test_one_is_no_plural() -> None:
    assert [plural(n, "conflict") for n in (0, 1, 2)] == [
        "0 conflicts",
        "1 conflict",
        "2 conflicts",
    ]
