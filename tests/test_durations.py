"""Durations as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("10min", 600),
        ("1h", 3600),
        ("2d", 172800),
        ("7", 7),
        (" 1.5 ", 1.5),
        ("5 s", 5),
        ("0", 0),
    ],
)
def test_a_duration_is_read_in_postgresqls_units_and_a_number_alone_as_seconds(
    text: str, seconds: float
) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "5x",
        "-1s",
        "1e3",
        "nan",
        "inf",
        "1.s",
        ".5",
        "1.2.3",
        "٣s",
        "5S",
        "off",
        "123456789012345678901",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is all that it says
        parse_duration(text)


@given(st.floats(min_value=0.001, max_value=1e9).map(lambda value: round(value, 6)))
def test_a_duration_is_written_so_that_the_very_same_number_is_read(
    seconds: float,
) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
