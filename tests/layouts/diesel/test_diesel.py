"""diesel: what its folders may look like."""

import pytest

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "diesel"


def test_a_folder_without_up_sql_is_told(disk: Disk) -> None:
    disk.add("2024-01-01-000000_a/up.sql")
    disk.add("2024-01-02-000000_b/down.sql")

    (problem,) = disk.read().problems

    assert str(problem) == "2024-01-02-000000_b: there is no `up.sql` in this folder"
    assert problem.hint is not None
    assert "2024-01-02-000000_b/up.sql" in problem.hint


def test_sql_beside_the_folders_is_told(disk: Disk) -> None:
    disk.add("1_a/up.sql")
    disk.add("2_b.sql")
    disk.add("seed.sql")

    source = disk.read()

    assert [problem.file for problem in source.problems] == ["2_b.sql"]
    assert source.warnings == ("seed.sql is no migration of diesel: passed over",)


@pytest.mark.parametrize(
    ("metadata", "policy"),
    [
        ("run_in_transaction = true\n", "one"),
        ("run_in_transaction = false\n", "own blocks"),
        ("", "own blocks"),
    ],
)
def test_the_metadata_say_whether_there_is_a_transaction(
    disk: Disk, metadata: str, policy: str
) -> None:
    disk.add("1_a/up.sql")
    disk.add("1_a/down.sql")
    disk.add("1_a/metadata.toml", metadata)

    assert [row[3] for row in rows(disk, FORMAT)] == [policy]
    (file,) = disk.read().files
    assert bool(file.define().warnings) == (metadata == "")


@pytest.mark.parametrize("metadata", ["run_in_transaction", "run_in_transaction = 1"])
def test_metadata_that_cannot_be_read_are_told(disk: Disk, metadata: str) -> None:
    disk.add("1_a/up.sql")
    disk.add("1_a/metadata.toml", metadata)

    (problem,) = told(disk, FORMAT)

    assert problem.startswith("1_a/metadata.toml: ")


def test_two_folders_of_one_version_are_told(disk: Disk) -> None:
    disk.add("2024-01-01-000000_a/up.sql")
    disk.add("20240101000000_b/up.sql")

    (problem,) = told(disk, FORMAT)

    assert "have one version, 20240101000000" in problem
