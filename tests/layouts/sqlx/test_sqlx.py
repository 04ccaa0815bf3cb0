"""sqlx: what its files may look like."""

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "sqlx"


def test_only_the_very_first_bytes_take_a_file_out_of_its_transaction(
    disk: Disk,
) -> None:
    disk.add("1_a.sql", "-- no-transaction\nSELECT 1;")
    disk.add("2_b.sql", "\n-- no-transaction\nSELECT 1;")
    disk.add("3_c.up.sql", "SELECT 1;")
    disk.add("3_c.down.sql", "-- no-transaction\nSELECT 2;")

    assert [row[3] for row in rows(disk, FORMAT)] == ["own blocks", "one", "one"]
    down = disk.read(format=FORMAT).files[2].define().down
    assert down is not None
    assert down.options.blocks


def test_a_down_without_an_up_is_passed_over_as_the_tool_does(disk: Disk) -> None:
    disk.add("1_a.down.sql")
    disk.add("2_b.up.sql")

    source = disk.read(format=FORMAT)

    assert [file.label for file in source.files] == ["2"]
    assert source.warnings == (
        "1_a.down.sql has no UP beside it, so sqlx never runs it: passed over",
    )


def test_a_number_that_two_files_have_is_told(disk: Disk) -> None:
    disk.add("1_a.sql")
    disk.add("001_b.sql")

    (problem,) = told(disk, FORMAT)

    assert "have one version" in problem


def test_a_number_without_an_underscore_is_told(disk: Disk) -> None:
    disk.add("1-a.sql")

    assert told(disk, FORMAT) == [
        "1-a.sql: it is named like a migration, and none of sqlx"
    ]
