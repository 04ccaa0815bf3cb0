"""golang-migrate: what its files may look like."""

import pytest

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "golang-migrate"


def test_the_number_alone_is_the_identity_and_the_names_may_differ(disk: Disk) -> None:
    disk.add("007_a.up.sql")
    disk.add("7_b.down.sql")
    disk.add("18446744073709551615_c_2_d.up.sql")

    assert rows(disk, FORMAT) == [
        ("007", "n:7", "a", "own blocks", True),
        (
            "18446744073709551615",
            "n:18446744073709551615",
            "c_2_d",
            "own blocks",
            False,
        ),
    ]


def test_a_down_alone_is_a_migration_that_does_nothing(disk: Disk) -> None:
    disk.add("1_a.down.sql", "DROP TABLE a;")

    (file,) = disk.read(format=FORMAT).files
    definition = file.define()

    assert definition.up.text == ""
    assert definition.down is not None
    assert definition.warnings


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (["1_a.up.sql", "01_b.up.sql"], "have one version, 1"),
        (["1_a.up.sql", "2_b.up.go"], "2_b.up.go: a migration in Go cannot be run"),
        (["1_a.up.sql", "2_b.up.ddl"], "2_b.up.ddl: a migration in `.ddl` cannot be"),
        (["1_a.up.sql", "2_b.sql"], "2_b.sql: it is named like a migration"),
        (["1.up.sql"], "1.up.sql: it is named like a migration"),
    ],
)
def test_a_name_that_the_tool_would_not_read_is_told(
    disk: Disk, files: list[str], problem: str
) -> None:
    for file in files:
        disk.add(file)

    assert len(told(disk, FORMAT)) == 1
    assert problem in told(disk, FORMAT)[0]


def test_what_lies_in_a_subfolder_is_passed_over_with_a_warning(disk: Disk) -> None:
    for file in ("1_a.up.sql", "b/2_b.up.sql", "seed.sql"):
        disk.add(file)

    source = disk.read(format=FORMAT)

    assert source.warnings == (
        "golang-migrate does not look into subfolders: b/2_b.up.sql passed over",
        "seed.sql is no migration of golang-migrate: passed over",
    )


def test_where_two_names_have_one_number_the_other_layout_is_named(disk: Disk) -> None:
    disk.add("1_a.up.sql")
    disk.add("1_b.up.sql")

    (problem,) = disk.read(format=FORMAT).problems

    assert "`golang-migrate-names`" in (problem.hint or "")
