from dataclasses import replace

import pytest

from asyncmigrate._migration import (
    Blocker,
    Holder,
    Problem,
    Unreadable,
    Version,
    order_of,
)
from tests.plan.making import file


def holder(version: str | None = None, progress: str | None = None) -> Holder:
    return Holder(
        run_id="r",
        locked_by="me@host",
        beat=1,
        held_for=1.0,
        backend_pid=7,
        current_version=version,
        progress=progress,
    )


def test_a_holder_says_who_it_is_and_how_far_it_has_come() -> None:
    assert str(holder()) == "me@host"
    assert str(holder("3")) == "me@host, at 3"
    assert str(holder("3", "statement 2 of 5")) == "me@host, at 3 (statement 2 of 5)"


def test_a_blocker_says_what_is_known_of_it() -> None:
    bare = Blocker(pid=7, user=None, application=None, seconds=None, query=None)
    full = Blocker(
        pid=7,
        user="u",
        application="psql",
        seconds=1.25,
        query="SELECT\n  1",
        lock="AccessShareLock on t",
    )

    assert str(bare) == "pid 7"
    assert str(full) == (
        "pid 7, user u, application psql, for 1.2 s, AccessShareLock on t,"
        " running 'SELECT 1'"
    )
    assert str(replace(full, idle=True)).endswith(
        "idle in transaction since 'SELECT 1'"
    )


def test_a_problem_is_told_with_its_place() -> None:
    problems = [Problem("bad", "a.sql"), Problem("worse", "a.sql", 2, 3)]

    assert [str(each) for each in problems] == ["a.sql: bad", "a.sql:2:3: worse"]
    assert str(Unreadable(problems)) == "a.sql: bad; a.sql:2:3: worse"


def test_a_version_is_shown_as_written_and_ordered_by_its_number() -> None:
    assert str(Version("0010", "10")) == "0010"
    assert Version("0010", "10").order > Version("9", "9").order


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("2", "10"),
        ("20260315_1", "20260315_2"),
        ("20260315", "20260315_1"),
        ("n:1.2", "n:1.10"),
        ("99", "name:a"),
        ("name:a", "name:b"),
        ("9", "²"),
    ],
)
def test_numbers_come_before_names_and_each_in_its_own_order(
    lower: str, higher: str
) -> None:
    assert order_of(lower) < order_of(higher)


def test_a_repeatable_is_known_by_its_path() -> None:
    view = file("repeatable/v.sql")

    assert (view.key, view.label) == ("repeatable/v.sql", "repeatable/v.sql")
    assert (file("0001").key, file("0001").label) == ("1", "0001")
