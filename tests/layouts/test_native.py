"""Our own layout: what each file is, and what is wrong with its name."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asyncmigrate._layouts import LAYOUTS, Layout, read_directory
from asyncmigrate._layouts import layout as layout_module
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Kind
from asyncmigrate.errors import InvalidSetting
from tests.layouts.disk import Disk


def test_versions_come_in_numeric_order_and_the_repeatables_after_them(
    disk: Disk,
) -> None:
    names = ["10_a.sql", "2_b.sql", "repeatable/z.sql", "x/1.py", "repeatable/a/y.sql"]
    names += ["20260315_002_c.sql", "20260315_001_d.sql"]
    for name in names:
        disk.add(name, "async def up(c): pass" if name.endswith(".py") else "SELECT 1;")

    source = disk.read()

    assert source.problems == ()
    assert source.layout == "native"
    assert [(f.label, f.name, f.kind.value, f.python) for f in source.files] == [
        ("1", "", "versioned", True),
        ("2", "b", "versioned", False),
        ("10", "a", "versioned", False),
        ("20260315_001", "d", "versioned", False),
        ("20260315_002", "c", "versioned", False),
        ("repeatable/a/y.sql", "y", "repeatable", False),
        ("repeatable/z.sql", "z", "repeatable", False),
    ]


@pytest.mark.parametrize(
    "name",
    ["it's", 'a "b"', "two words", "two\nlines", "çé世", "%s {x} $1", "a.b", "-x"],
)
def test_any_name_that_a_file_system_takes_is_taken(disk: Disk, name: str) -> None:
    disk.add(f"0001_{name}.sql")

    (file,) = disk.read().files

    assert file.name == name
    assert file.define().up.text == "SELECT 1;"


def test_other_files_are_ignored_and_endings_count_in_any_case(disk: Disk) -> None:
    for file in ("README.md", "1.sql.bak", "2.txt", "__init__.py", "3.pyc", "notes"):
        disk.add(file)
    disk.add("0001_A.SQL")

    assert [file.file for file in disk.read().files] == ["0001_A.SQL"]


def test_a_pair_is_one_migration_known_by_the_digest_of_both_digests(
    disk: Disk,
) -> None:
    up, down = b"CREATE TABLE a ();\n", b"DROP TABLE a;\n"
    disk.add("0001_init.up.sql", up)
    disk.add("0001_init.down.sql", down)

    (file,) = disk.read().files

    both = hashlib.sha256(up).hexdigest() + hashlib.sha256(down).hexdigest()
    assert file.file_sha256 == hashlib.sha256(both.encode()).hexdigest()
    assert (file.name, file.file) == ("init", "0001_init.up.sql")


def test_a_single_file_is_known_by_the_digest_of_its_bytes(disk: Disk) -> None:
    disk.add("1.sql", b"SELECT 1;\r\n")
    disk.add("2.up.sql", b"SELECT 2;")

    first, second = disk.read().files

    assert first.file_sha256 == hashlib.sha256(b"SELECT 1;\r\n").hexdigest()
    assert second.file_sha256 == hashlib.sha256(b"SELECT 2;").hexdigest()


def test_a_repeatable_may_be_a_pair(disk: Disk) -> None:
    disk.add("repeatable/v.up.sql", "CREATE VIEW v AS SELECT 1;")
    disk.add("repeatable/v.down.sql", "DROP VIEW v;")

    (file,) = disk.read().files
    definition = file.define()

    assert (file.kind, file.key, file.name) == (
        Kind.REPEATABLE,
        "repeatable/v.up.sql",
        "v",
    )
    assert definition.down is not None
    assert definition.down.file == "repeatable/v.down.sql"


def test_every_name_that_is_wrong_is_told_at_once_with_a_remedy(disk: Disk) -> None:
    names = ["0001_ok.sql", "env.py", "add.sql", "0002-x.sql", "3_a.down.sql"]
    names += ["repeatable/r.py", "4_a.seed.sql", "5.checkpoint.sql", "a/seeds/x.sql"]
    names += ["a/seeds/y.sql", "checkpoint/1.sql", "2fa.sql"]
    for name in names:
        disk.add(name)

    source = disk.read()

    assert [file.file for file in source.files] == ["0001_ok.sql"]
    assert [f"{problem} | {problem.hint}" for problem in source.problems] == [
        (
            "0002-x.sql: the version `0002` must end with `_` or `.`"
            " | rename it to `0002_x.sql`"
        ),
        "2fa.sql: the version `2` must end with `_` or `.` | rename it to `2_fa.sql`",
        (
            "3_a.down.sql: there is no `3_a.up.sql` beside it"
            " | add `3_a.up.sql`, or take this file away"
        ),
        (
            "4_a.seed.sql: the name is reserved for a later release"
            " | rename it, or prefix it with `_`"
        ),
        (
            "5.checkpoint.sql: the name is reserved for a later release"
            " | rename it, or prefix it with `_`"
        ),
        (
            "a/seeds/: the name is reserved for a later release"
            " | rename it, or prefix it with `_`"
        ),
        (
            "add.sql: the name does not begin with a version"
            " | rename it to `0001_add.sql`, or prefix it with `_` to have it ignored"
        ),
        (
            "checkpoint/: the name is reserved for a later release"
            " | rename it, or prefix it with `_`"
        ),
        (
            "env.py: the name does not begin with a version"
            " | rename it to `0001_env.py`, or prefix it with `_` to have it ignored"
        ),
        "repeatable/r.py: a repeatable migration is SQL | give it a version",
    ]


def test_a_folder_of_a_reserved_name_that_holds_no_migration_is_nobodys_business(
    disk: Disk,
) -> None:
    disk.add("seeds/users.csv")

    assert disk.problems() == []


def test_a_pair_of_which_one_file_is_a_dead_link_stops_the_run(
    disk: Disk,
) -> None:
    disk.add("1.up.sql")
    (disk.path / "1.down.sql").symlink_to("gone")

    source = disk.read()

    assert [str(problem) for problem in source.problems] == [
        "1.down.sql: it cannot be read: No such file or directory"
    ]


def test_a_pair_of_which_one_file_cannot_be_read_is_no_migration(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.add("1.up.sql")
    disk.add("1.down.sql")
    real = os.open

    def refuse(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "1.down.sql":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    source = disk.read()

    assert source.files == ()
    assert len(source.problems) == 1


@pytest.mark.parametrize("other", ["1_b.sql", "01_a.sql", "x/001.py", "1_a.up.sql"])
def test_two_files_with_one_version_are_a_problem_that_names_both(
    disk: Disk, other: str
) -> None:
    disk.add("0001_a.sql")
    disk.add(other)

    (problem,) = disk.read().problems

    assert "`0001_a.sql`" in problem.message
    assert f"`{other}`" in problem.message
    assert "have one version" in problem.message
    assert problem.hint == "renumber the one that is not applied yet"


def test_several_directories_are_one_sequence(tmp_path: Path) -> None:
    for name in ("one/1.sql", "two/2.sql", "one/3.sql"):
        Disk(tmp_path).add(name)

    source = read_directory([f"{tmp_path}/one", f"{tmp_path}/two"])

    assert [file.file for file in source.files] == ["1.sql", "2.sql", "3.sql"]
    assert [file.define().up.text for file in source.files] == ["SELECT 1;"] * 3


def test_duplicates_between_directories_are_told_with_the_paths_of_both(
    tmp_path: Path,
) -> None:
    for name in ("1_a.sql", "repeatable/v.sql"):
        Disk(tmp_path).add(f"one/{name}")
        Disk(tmp_path).add(f"two/{name}")

    source = read_directory([f"{tmp_path}/one/", f"{tmp_path}/two"])

    assert [problem.message for problem in source.problems] == [
        f"`{tmp_path}/one/1_a.sql` and `{tmp_path}/two/1_a.sql` have one version, 1",
        (
            f"`{tmp_path}/one/repeatable/v.sql` and `{tmp_path}/two/repeatable/v.sql`"
            " are one repeatable by their paths"
        ),
    ]


def test_an_empty_directory_is_a_warning_and_no_problem(disk: Disk) -> None:
    source = disk.read()

    assert source.files == ()
    assert source.problems == ()
    assert source.warnings == (f"there are no migrations in {disk.path}",)


def test_a_layout_that_does_not_exist_is_refused_with_those_that_do(
    disk: Disk,
) -> None:
    with pytest.raises(InvalidSetting, match="there is no layout `ours`") as caught:
        disk.read(format="ours")

    assert caught.value.hint is not None
    assert caught.value.hint.startswith("known: ")
    assert "native" in caught.value.hint


def test_the_layout_can_be_named(disk: Disk) -> None:
    disk.add("1.sql")

    source = disk.read(format="native")

    assert [file.label for file in source.files] == ["1"]


def _layout(name: str, ending: str) -> Layout:
    def recognises(listing: Listing) -> bool:
        return any(file.endswith(ending) for file in listing.files)

    def read(_: Listing) -> layout_module.Found:
        return layout_module.Found(files=(), problems=())

    return Layout(name=name, recognises=recognises, read=read)


def test_files_that_two_layouts_recognise_are_asked_about(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = (_layout("goose", ".sql"), _layout("flyway", ".sql"), *LAYOUTS)
    monkeypatch.setattr("asyncmigrate._layouts.LAYOUTS", mine)
    disk.add("1.sql")

    (problem,) = disk.read().problems

    assert problem.message == "the files could be those of goose and of flyway"
    assert problem.hint == "say which: `--format NAME`, or `format` in the settings"
    assert disk.read(format="goose").layout == "goose"


def test_directories_of_two_layouts_are_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = (_layout("goose", ".goose"), *LAYOUTS)
    monkeypatch.setattr("asyncmigrate._layouts.LAYOUTS", mine)
    Disk(tmp_path).add("one/1.goose")
    Disk(tmp_path).add("two/1.sql")

    source = read_directory([f"{tmp_path}/one", f"{tmp_path}/two"])

    (problem,) = source.problems
    assert problem.message == "the files could be those of goose and of native"


def test_our_own_layout_recognises_its_files() -> None:
    (native,) = (layout for layout in LAYOUTS if layout.name == "native")

    def recognised(*files: str) -> bool:
        return native.recognises(Listing(directory="m", files=files))

    assert recognised("1.sql")
    assert recognised("repeatable/v.sql")
    assert not recognised("V1__x.sql", "1.txt")


def test_a_directory_is_listed_without_loading_what_reads_sql(disk: Disk) -> None:
    disk.add("1.sql")
    program = (
        "import sys; from asyncmigrate._layouts import read_directory;"
        f"assert read_directory([{str(disk.path)!r}]).files;"
        "print(*(name for name in sys.modules if name.startswith('asyncmigrate._sql')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""
