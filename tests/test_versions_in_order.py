"""Where a version stands among the others, by its key alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._migration import order_of


@pytest.mark.parametrize(
    "keys",
    [
        ["n:2", "n:10", "n:20240101000000"],
        ["n:1", "n:1.0.1", "n:1.2", "n:1.10", "n:2"],
        ["n:2:2_b.sql", "n:10:10_a.sql", "n:10:10_b.sql", "name:a.sql"],
        ["name:0_init", "name:10_b", "name:1_a", "name:a"],
        ["1", "20260315_1", "20260315_2", "name:1"],
        ["n:7:a:b", "n:7:a:c", "name:n:1"],
    ],
)
def test_numbers_come_in_their_order_and_before_names(keys: list[str]) -> None:
    assert sorted(sorted(keys, key=len), key=order_of) == keys


@given(
    st.lists(st.integers(0, 10**20), min_size=1),
    st.lists(st.integers(0, 10**20), min_size=1),
)
def test_dotted_numbers_are_ordered_part_by_part(
    one: list[int], other: list[int]
) -> None:
    first, second = (f"n:{'.'.join(map(str, parts))}" for parts in (one, other))

    assert (order_of(first) < order_of(second)) == (one < other)


@given(st.text(), st.text())
def test_any_two_keys_have_an_order(one: str, other: str) -> None:
    assert (order_of(one) < order_of(other)) != (order_of(one) >= order_of(other))
