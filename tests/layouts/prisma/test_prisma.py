"""Prisma: what its folders and its lock may look like."""

import pytest

from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Problem, Unreadable
from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "prisma"

LOCK = "migration_lock.toml"


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        (
            'provider = "mysql"',
            "these migrations were written for mysql, not for PostgreSQL",
        ),
        ("", "these migrations were written for no database, not for PostgreSQL"),
        ("provider", "this is no TOML: "),
        (b"\xff", "this is no TOML: "),
    ],
)
def test_a_lock_for_another_database_is_told(
    disk: Disk, lock: str | bytes, problem: str
) -> None:
    disk.add("1_a/migration.sql")
    disk.add(LOCK, lock)

    (found,) = disk.read().problems

    assert str(found).startswith(f"{LOCK}: {problem}")
    assert found.hint


def test_a_folder_without_its_file_is_told_and_another_file_is_warned_of(
    disk: Disk,
) -> None:
    disk.add(LOCK, 'provider = "postgresql"')
    disk.add("1_a/migration.sql")
    disk.add("1_a/data-migration.ts")
    disk.add("2_b/down.sql")

    source = disk.read()

    assert [str(problem) for problem in source.problems] == [
        "2_b: there is no `migration.sql` in this folder"
    ]
    assert source.warnings == (
        "1_a/data-migration.ts is not run by prisma: passed over",
    )


def test_folders_with_one_number_are_two_migrations_ordered_by_name(disk: Disk) -> None:
    for folder in ("20240101_b", "20240101_a", "0_init"):
        disk.add(f"{folder}/migration.sql")

    assert [row[0] for row in rows(disk, FORMAT)] == [
        "0_init",
        "20240101_a",
        "20240101_b",
    ]


def test_folders_of_another_tool_with_the_same_file_are_not_claimed(disk: Disk) -> None:
    disk.add("20240101_a/migration.sql")
    assert disk.read().layout == FORMAT

    disk.add("20240101_a/snapshot.json", "{}")

    assert disk.read().layout == "native"


def test_a_lock_that_cannot_be_read_is_told(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.add(LOCK)

    def fail(listing: Listing, file: str) -> bytes:
        raise Unreadable([Problem(f"no {listing.files}", file, hint="x")])

    monkeypatch.setattr(Listing, "read", fail)

    assert len(told(disk, FORMAT)) == 1
