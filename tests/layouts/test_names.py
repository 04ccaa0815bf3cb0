"""File names to versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._layouts.names import key_of, parse_stem, parse_version
from asyncmigrate._migration import order_of


@pytest.mark.parametrize(
    ("stem", "version", "key", "name"),
    [
        ("20260315_001_add_users", "20260315_001", "20260315_1", "add_users"),
        ("20260315_093000_x", "20260315_093000", "20260315_93000", "x"),
        ("20260315_2fa", "20260315", "20260315", "2fa"),
        ("20260315_001", "20260315_001", "20260315_1", ""),
        ("20260315", "20260315", "20260315", ""),
        ("20260315_", "20260315", "20260315", ""),
        ("0007_2024_report", "0007", "7", "2024_report"),
        ("0001", "0001", "1", ""),
        ("0000_start", "0000", "0", "start"),
        ('1_it\'s a "test"\nof çà', "1", "1", 'it\'s a "test"\nof çà'),
        ("3.fix", "3", "3", "fix"),
        ("20260315_001.fix", "20260315_001", "20260315_1", "fix"),
        ("20260315.001", "20260315", "20260315", "001"),
        ("20260315093000_x", "20260315093000", "20260315093000", "x"),
    ],
)
def test_the_version_is_the_leading_digits_and_the_rest_is_the_name(
    stem: str, version: str, key: str, name: str
) -> None:
    parsed = parse_stem(stem)

    assert parsed is not None
    assert (parsed[0].text, parsed[0].key, parsed[1]) == (version, key, name)


@pytest.mark.parametrize("stem", ["", "add", "_1", "v1_x", "٣_x", "²_x", "1-x", "2fa"])
def test_a_name_without_ascii_digits_that_end_at_an_underscore_or_a_dot_has_no_version(
    stem: str,
) -> None:
    assert parse_stem(stem) is None


@pytest.mark.parametrize("text", ["7", "0007", "20260315_001"])
def test_a_version_that_people_write_is_one_that_a_file_could_have(text: str) -> None:
    version = parse_version(text)

    assert version is not None
    assert version.text == text


@pytest.mark.parametrize("text", ["", "7_x", "7_8", "v7", "n:1", "20260315_001_x"])
def test_what_is_more_than_a_version_is_none(text: str) -> None:
    assert parse_version(text) is None


groups = st.tuples(st.integers(0, 99999999)) | st.tuples(
    st.integers(10000000, 99999999), st.integers(0, 10**6)
)


@given(groups, groups)
def test_versions_are_ordered_as_their_numbers_are_group_by_group(
    one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    first, second = ("_".join(map(str, groups)) for groups in (one, other))

    assert (order_of(key_of(first)) < order_of(key_of(second))) == (one < other)


@given(st.integers(0, 9999999), st.integers(0, 20))
def test_leading_zeros_do_not_make_another_version(number: int, zeros: int) -> None:
    assert key_of("0" * zeros + str(number)) == key_of(str(number)) == str(number)


@given(st.text())
def test_any_text_is_cut_into_a_version_and_a_name_or_is_neither(stem: str) -> None:
    parsed = parse_stem(stem)

    if parsed is not None:
        version, name = parsed
        assert stem in {
            version.text,
            f"{version.text}_{name}",
            f"{version.text}.{name}",
        }
