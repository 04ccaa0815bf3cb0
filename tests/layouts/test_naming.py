"""The next version, in the style at hand, and the files of a new migration."""

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._layouts.names import key_of, parse_stem
from asyncmigrate._layouts.naming import new_files, next_version, slug
from asyncmigrate._migration import order_of
from asyncmigrate.errors import InvalidUsage
from tests.layouts.disk import Disk

NOW = datetime(2026, 3, 15, 9, 30, 0)  # noqa: DTZ001 - the clock on the wall


@pytest.mark.parametrize(
    ("existing", "following"),
    [
        ([], "20260315_001"),
        (["name:init"], "20260315_001"),
        (["20260314_007"], "20260315_001"),
        (["20260315_001", "20260315_002"], "20260315_003"),
        (["20260315_9"], "20260315_10"),
        (["20260315_99999"], "20260315_100000"),
        (["20260314_01"], "20260315_01"),
        (["20270101_004"], "20270101_005"),
        (["20260315"], "20260315_001"),
        (["20260314"], "20260315_001"),
        (["20260314_120000"], "20260315_093000"),
        (["20260315_092959"], "20260315_093000"),
        (["20260315_093000"], "20260315_093001"),
        (["20260331_235959"], "20260401_000000"),
        (["20260314120000"], "20260315093000"),
        (["20260315093000"], "20260315093001"),
        (["0001", "0009"], "0010"),
        (["1", "9"], "10"),
        (["9999"], "10000"),
        (["00000041"], "00000042"),
        (["99999999_3"], "100000000"),
        (["0002", "20260314_001"], "20260315_001"),
    ],
)
def test_the_next_version_continues_the_style_of_the_newest(
    existing: list[str], following: str
) -> None:
    assert next_version(existing, NOW) == following


@given(
    st.lists(st.from_regex(r"[0-9]{1,15}(_[0-9]{1,7})?", fullmatch=True)),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - the clock on the wall
)
def test_the_next_version_is_above_all_that_exist(
    texts: list[str], now: datetime
) -> None:
    existing = [text for text in texts if (it := parse_stem(text)) and not it[1]]

    new = next_version(existing, now)

    for text in existing:
        assert order_of(key_of(new)) > order_of(key_of(text))


def test_versions_made_one_after_the_other_stay_in_order() -> None:
    made: list[str] = []
    for _ in range(1002):
        made.append(next_version(made, NOW))

    orders = [order_of(key_of(text)) for text in made]

    assert made[0] == "20260315_001"
    assert made[-1] == "20260315_1002"
    assert all(one < other for one, other in pairwise(orders))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Add users", "add_users"),
        ("  it's a 'test'/../x ", "it_s_a_test_x"),
        ("café 世界", "café_世界"),
        ("a--b__c", "a_b_c"),
        ("x" * 100, "x" * 60),
        ("x" * 59 + " yz", "x" * 59),
    ],
)
def test_a_name_is_letters_and_digits_and_underscores(words: str, name: str) -> None:
    assert slug(words) == name


@pytest.mark.parametrize("words", ["", "  ", "../..", "---"])
def test_words_of_which_no_name_can_be_made_are_refused(words: str) -> None:
    with pytest.raises(InvalidUsage, match="no name can be made of"):
        slug(words)


def test_python_is_no_pair() -> None:
    with pytest.raises(InvalidUsage, match="a Python migration is one file"):
        new_files("1", "x", python=True, pair=True)


@pytest.mark.parametrize(
    ("version", "words", "file"),
    [
        ("20260315_001", "2fa", "20260315_001_2fa.sql"),
        ("0007", "2024 report", "0007_2024_report.sql"),
        ("00000007", "2024 report", "00000007__2024_report.sql"),
    ],
)
def test_a_name_that_begins_with_digits_is_no_part_of_the_version(
    version: str, words: str, file: str
) -> None:
    assert list(new_files(version, words)) == [file]


@given(st.text(), st.sampled_from(["sections", "pair", "python"]))
def test_a_new_migration_is_one_of_its_version_until_its_text_is_written(
    words: str, form: str
) -> None:
    words = f"{words} x"

    files = new_files("0001", words, python=form == "python", pair=form == "pair")

    for file, text in files.items():
        parsed = parse_stem(file.removesuffix(".py").removesuffix(".sql"))
        assert parsed is not None
        assert parsed[0].text == "0001"
        assert len(file.encode()) < 256
        text.encode()


@pytest.mark.parametrize("words", ["up", "Down", "asyncmigrate: role=x", 'a "b" \\n'])
def test_the_files_are_read_as_they_are_meant_whatever_they_are_called(
    disk: Disk, words: str
) -> None:
    for file, text in new_files("1", words).items():
        disk.add(file, text.replace("-- UP\n", "-- UP\nSELECT 1;\n"))
    for file, text in new_files("2", words, pair=True).items():
        disk.add(file, f"{text}SELECT 2;\n")
    for file, text in new_files("3", words, python=True).items():
        disk.add(file, text)

    source = disk.read()
    ups = [file.define().up.text for file in source.files]

    assert source.problems == ()
    assert ups[0] == "SELECT 1;"
    assert ups[1].endswith("SELECT 2;")
    assert "async def up(connection" in ups[2]


def test_a_new_migration_is_not_applied_before_something_is_written(
    disk: Disk,
) -> None:
    for file, text in new_files("1", "add users").items():
        disk.add(file, text)

    assert "UP has no statement" in disk.wrong()[0]
