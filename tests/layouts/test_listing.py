"""Which files a directory holds, and how they are read."""

import hashlib
import os
from pathlib import Path

import pytest

from asyncmigrate._layouts import listing as listings
from asyncmigrate._layouts import read_directory
from asyncmigrate._layouts.listing import DiskFolder, list_directory
from asyncmigrate._migration import Unreadable
from tests.layouts.disk import Disk


def test_files_are_listed_with_those_of_subfolders_but_no_hidden_ones(
    disk: Disk,
) -> None:
    for file in ("b/2.sql", "1.sql", "_x/3.sql", ".git/4.sql", "_5.sql", ".6.sql"):
        disk.add(file)

    assert list_directory(str(disk.path)).files == ("1.sql", "b/2.sql")


def test_the_digest_is_that_of_the_raw_bytes_however_many_there_are(
    disk: Disk,
) -> None:
    content = b"\xef\xbb\xbf" + b"SELECT 1;\r\n" * 10_000
    disk.add("a/1.sql", content)
    disk.add("2.sql", b"")
    listing = list_directory(str(disk.path))

    digests = listing.digests(listing.files)

    assert digests == {
        "a/1.sql": hashlib.sha256(content).hexdigest(),
        "2.sql": hashlib.sha256(b"").hexdigest(),
    }


def test_a_system_without_relative_opening_gives_the_same_digests(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.add("1.sql")
    listing = list_directory(str(disk.path))
    expected = listing.digests(listing.files)

    monkeypatch.setattr(listings, "_OPEN_AT", False)

    assert listing.digests(listing.files) == expected


def test_a_symbolic_link_back_to_a_folder_above_ends_there(disk: Disk) -> None:
    disk.add("a/1.sql")
    (disk.path / "a" / "loop").symlink_to(disk.path)
    (disk.path / "self").symlink_to(".")

    listing = list_directory(str(disk.path))

    assert listing.files == ("a/1.sql",)
    assert listing.problems == ()


def test_a_folder_elsewhere_that_a_link_names_is_read(
    disk: Disk, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1.sql").write_text("SELECT 1;")
    (disk.path / "linked").symlink_to(tmp_path / "other")
    (disk.path / "2.sql").symlink_to(tmp_path / "other" / "1.sql")

    assert list_directory(str(disk.path)).files == ("2.sql", "linked/1.sql")


def test_a_link_that_leads_nowhere_or_to_itself_is_a_problem(disk: Disk) -> None:
    (disk.path / "1.sql").symlink_to("gone.sql")
    (disk.path / "2.sql").symlink_to("2.sql")

    problems = sorted(map(str, list_directory(str(disk.path)).problems))

    assert problems[0] == "1.sql: it cannot be read: No such file or directory"
    assert problems[1].startswith("2.sql: it cannot be read: Too many levels")


def test_what_is_neither_file_nor_folder_is_ignored(disk: Disk) -> None:
    os.mkfifo(disk.path / "1.sql")
    (disk.path / "2.sql").symlink_to("1.sql")

    source = disk.read()

    assert source.files == ()
    assert source.problems == ()


def test_a_file_that_became_a_pipe_since_it_was_listed_is_not_waited_for(
    disk: Disk,
) -> None:
    path = disk.add("1.sql")
    listing = list_directory(str(disk.path))
    path.unlink()
    os.mkfifo(path)

    assert listing.digests(listing.files) == {"1.sql": hashlib.sha256().hexdigest()}


def test_a_name_that_is_not_utf_8_is_a_problem_and_can_be_printed(disk: Disk) -> None:
    (Path(os.fsdecode(os.fsencode(disk.path) + b"/1_\xff.sql"))).write_text("SELECT 1;")

    assert disk.problems() == ["1_\\xff.sql: the file's name is not UTF-8"]


def test_a_file_that_cannot_be_read_is_a_problem_and_hides_no_other(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.add("1.sql")
    disk.add("2.sql")
    real = os.open

    def refuse(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path.endswith("1.sql"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    source = disk.read()

    (problem,) = source.problems
    assert str(problem) == "1.sql: it cannot be read: Permission denied"
    assert problem.hint == "make it readable, or take it away"
    assert [file.file for file in source.files] == ["2.sql"]


def test_a_disk_that_fails_half_way_is_told_and_no_descriptor_is_left_open(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.add("1.sql")
    open_before = len(list(Path("/proc/self/fd").iterdir()))

    def fail(_: int, __: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    problems = disk.problems()
    monkeypatch.undo()

    assert problems == ["1.sql: it cannot be read: Input/output error"]
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


def test_a_folder_that_went_away_since_it_was_listed_is_told_for_each_file(
    disk: Disk,
) -> None:
    path = disk.add("a/1.sql")
    listing = list_directory(str(disk.path))
    path.unlink()
    path.parent.rmdir()

    (result,) = listing.digests(listing.files).values()

    assert isinstance(result, FileNotFoundError)
    with pytest.raises(Unreadable, match=r"a/1\.sql: it cannot be read: No such"):
        listing.read("a/1.sql")


def test_a_subfolder_that_may_not_be_listed_is_a_problem(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.add("1.sql")
    disk.add("a/2.sql")
    real = os.scandir

    def refuse(path: str) -> "os._ScandirIterator[str]":
        if path.endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = list_directory(str(disk.path))

    assert listing.files == ("1.sql",)
    assert list(map(str, listing.problems)) == [
        "a: it cannot be read: Permission denied"
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "there is no such directory"),
        ("file", "this is not a directory"),
        ("nul\0", "it cannot be read: "),
        ("x" * 300, "it cannot be read: File name too long"),
    ],
)
def test_a_directory_that_is_none_is_a_problem_with_a_remedy(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "file").write_text("")
    directory = f"{tmp_path}/{name}"

    source = read_directory([directory])

    (problem,) = source.problems
    # What Python says of a NUL differs from version to version.
    assert str(problem).startswith(f"{directory}: {message}")
    assert problem.hint
    assert source.files == ()
    assert source.warnings == ()


def test_a_file_is_found_after_the_process_has_changed_its_directory(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    disk.add("1.sql")
    monkeypatch.chdir(disk.path)
    (file,) = read_directory(["."]).files

    monkeypatch.chdir(tmp_path)

    assert file.define().up.text == "SELECT 1;"
    assert file.path == str(disk.path / "1.sql")


def test_a_file_changed_since_it_was_listed_is_refused(disk: Disk) -> None:
    path = disk.add("1.sql")
    (file,) = disk.read().files
    path.write_text("DROP TABLE users;")

    with pytest.raises(Unreadable) as caught:
        file.define()

    (problem,) = caught.value.problems
    assert str(problem) == "1.sql: the file was changed while the run was under way"
    assert problem.hint == "run again; nothing of the new text was used"


def test_a_folder_on_disk_says_where_its_files_are() -> None:
    assert DiskFolder("/a/b").locate("1.sql") == "/a/b/1.sql"
