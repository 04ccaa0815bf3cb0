"""graphile-migrate: what its headers may look like."""

import hashlib

import pytest

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "graphile-migrate"


def commit(disk: Disk, name: str, body: str, previous: str = "", more: str = "") -> str:
    """Write a file as the tool commits it, and give its hash."""
    hashed = f"{previous}\n{body.strip()}".strip() + "\n"
    digest = hashlib.sha1(hashed.encode(), usedforsecurity=False).hexdigest()
    header = f"--! Previous: {previous or '-'}\n--! Hash: sha1:{digest}\n{more}"
    disk.add(f"committed/{name}", f"{header}\n{body}\n")
    return f"sha1:{digest}"


def test_an_edited_file_is_told(disk: Disk) -> None:
    commit(disk, "000001.sql", "SELECT 1;")
    path = disk.path / "committed" / "000001.sql"
    path.write_text(path.read_text().replace("SELECT 1", "SELECT 2"))

    (problem,) = told(disk, FORMAT)

    assert problem.startswith("committed/000001.sql:2: its text is not the one of its")


@pytest.mark.parametrize(
    ("more", "edited", "right"),
    [
        ("--! AllowInvalidHash\n", True, True),
        ("--! AllowInvalidHash\n", False, False),
        ("--! Message: why\n", False, True),
    ],
)
def test_an_edit_may_be_allowed_and_must_then_be_one(
    disk: Disk,
    more: str,
    edited: bool,  # noqa: FBT001 - a parameter of the test
    right: bool,  # noqa: FBT001 - as above
) -> None:
    commit(disk, "000001.sql", "SELECT 1;", more=more)
    path = disk.path / "committed" / "000001.sql"
    if edited:
        path.write_text(path.read_text().replace("SELECT 1", "SELECT 2"))

    assert (told(disk, FORMAT) == []) is right


def test_a_file_that_does_not_follow_the_one_before_it_is_told(disk: Disk) -> None:
    first = commit(disk, "000001.sql", "SELECT 1;")
    second = commit(disk, "000002.sql", "SELECT 2;", first)
    commit(disk, "000003.sql", "SELECT 3;", first)
    assert second

    (problem,) = told(disk, FORMAT)

    assert problem.startswith(
        "committed/000003.sql:1: it does not follow committed/000002"
    )


def test_a_first_file_that_follows_another_is_told(disk: Disk) -> None:
    commit(disk, "000001.sql", "SELECT 1;", "sha1:0")

    assert told(disk, FORMAT)[0].startswith(
        "committed/000001.sql:1: it is not the first"
    )


def test_a_file_without_a_header_is_told(disk: Disk) -> None:
    disk.add("committed/000001.sql", "SELECT 1;")

    assert told(disk, FORMAT) == [
        (
            "committed/000001.sql:1: the header with `--! Previous:` and `--! Hash:`"
            " is not there"
        )
    ]


def test_the_folder_of_the_committed_files_can_be_given_itself(disk: Disk) -> None:
    commit(disk, "000001-a.sql", "SELECT 1;")

    inner = Disk(disk.path / "committed")

    assert inner.read().layout == FORMAT
    assert rows(inner, FORMAT) == [("000001", "n:1", "a", "one", False)]


def test_only_a_first_line_takes_a_file_out_of_its_transaction(disk: Disk) -> None:
    first = commit(disk, "000001.sql", "--! no-transaction\nSELECT 1;")
    commit(disk, "000002.sql", "SELECT ':NAME';\n--! no-transaction", first)

    assert [row[3] for row in rows(disk, FORMAT)] == ["own blocks", "one, graphile"]


def test_work_in_progress_is_told_of_and_comments_are_none(disk: Disk) -> None:
    commit(disk, "000001.sql", "SELECT 1;")
    disk.add("current/1-a.sql", "-- nothing yet\n")
    assert disk.read().warnings == ()

    disk.add("current/2-b.sql", "SELECT 2;\n")

    assert disk.read().warnings == (
        "current/2-b.sql is not committed, so it is not applied",
    )


def test_a_name_that_does_not_fit_is_told(disk: Disk) -> None:
    commit(disk, "000001.sql", "SELECT 1;")
    disk.add("committed/2 b.sql")

    assert told(disk, FORMAT) == [
        "committed/2 b.sql: it is named like a migration, and none of graphile-migrate"
    ]
