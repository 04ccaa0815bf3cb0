"""Files named as golang-migrate's, of tools that tell them apart by the whole name."""

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "golang-migrate-names"


def test_several_files_of_one_number_come_in_the_order_of_their_names(
    disk: Disk,
) -> None:
    for file in ("10_a.up.sql", "2_c.up.sql", "2_b.up.sql", "2_b.down.sql"):
        disk.add(file)

    assert rows(disk, FORMAT) == [
        ("2_b", "n:2:b", "b", "own blocks", True),
        ("2_c", "n:2:c", "c", "own blocks", False),
        ("10_a", "n:10:a", "a", "own blocks", False),
    ]


def test_one_number_and_one_name_written_twice_are_told(disk: Disk) -> None:
    disk.add("1_a.up.sql")
    disk.add("01_a.up.sql")

    (problem,) = told(disk, FORMAT)

    assert "have one version, 1" in problem
