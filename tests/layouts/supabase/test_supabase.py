"""Supabase: where its files lie, and what they may be called."""

from pathlib import Path

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "supabase"


def test_the_tools_own_first_file_is_passed_over_only_when_it_is_the_first(
    disk: Disk,
) -> None:
    disk.add("20211208000000_init.sql")
    disk.add("20211208000001_init.sql")
    disk.add("20240101000000_a.sql")

    assert [row[0] for row in rows(disk, FORMAT)] == [
        "20211208000001",
        "20240101000000",
    ]
    assert len(disk.read(format=FORMAT).warnings) == 1


def test_the_same_names_elsewhere_are_our_own(tmp_path: Path) -> None:
    for folder, layout in (("supabase", FORMAT), ("other", "native")):
        path = tmp_path / folder / "migrations"
        path.mkdir(parents=True)
        disk = Disk(path)
        disk.add("20240101000000_a.sql")

        assert disk.read().layout == layout


def test_names_that_do_not_fit_and_numbers_that_are_there_twice_are_told(
    disk: Disk,
) -> None:
    for name in ("1_a.sql", "1_b.sql", "2-c.sql", "seed.sql"):
        disk.add(name)

    assert told(disk, FORMAT) == [
        "1_b.sql: `1_a.sql` and `1_b.sql` have one version, 1",
        "2-c.sql: it is named like a migration, and none of supabase",
    ]
