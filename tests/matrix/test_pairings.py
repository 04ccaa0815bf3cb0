from itertools import pairwise

import pytest

from tests.matrix.__main__ import Pairing, edges, everything
from tests.matrix.pythons import OWN, SUPPORTED
from tests.matrix.servers import RELEASES

OLDER = (OWN[0], OWN[1] - 1)
NEWER = (OWN[0], OWN[1] + 1)


def test_every_server_and_every_python_is_met_but_not_each_by_each() -> None:
    met = everything([13, 15, 18], [OWN, NEWER])

    assert met == {Pairing(version, OWN) for version in (13, 15, 18)} | {
        Pairing(18, NEWER)
    }


@pytest.mark.parametrize(
    ("found", "corners"),
    [
        ([OWN], {Pairing(13, OWN)}),
        ([OWN, NEWER], {Pairing(13, NEWER)}),
        ([OLDER, OWN], {Pairing(13, OWN), Pairing(18, OLDER)}),
        ([OLDER, OWN, NEWER], {Pairing(13, NEWER), Pairing(18, OLDER)}),
    ],
)
def test_the_edges_are_the_oldest_and_newest_that_the_plain_suite_does_not_meet(
    found: list[tuple[int, int]], corners: set[Pairing]
) -> None:
    assert edges([13, 18], found) == corners


def test_no_version_in_between_is_left_out() -> None:
    assert all(after == before + 1 for before, after in pairwise(RELEASES))
    assert all(after[1] == before[1] + 1 for before, after in pairwise(SUPPORTED))
