"""What every layout promises, whatever tool it reads."""

import shutil
from pathlib import Path

import pytest

from asyncmigrate._layouts import LAYOUTS, Layout, read_directory
from asyncmigrate._layouts.listing import list_directory
from asyncmigrate._migration import Kind, order_of
from tests.layouts.formats import FOREIGN, NAMED_ONLY, fixture_of, row_of, wrong_in

every_layout = pytest.mark.parametrize("layout", FOREIGN, ids=lambda it: it.name)


@pytest.fixture
def copied(layout: Layout, tmp_path: Path) -> Path:
    """The layout's directory, to be changed."""
    copy = tmp_path / "supabase" / "migrations"
    return Path(shutil.copytree(fixture_of(layout), copy))


def keys(directory: Path, layout: Layout) -> list[str]:
    return [
        file.key for file in read_directory([str(directory)], format=layout.name).files
    ]


def scripts(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*.sql"))


@every_layout
def test_exactly_one_layout_claims_each_directory(layout: Layout) -> None:
    listing = list_directory(str(fixture_of(layout)))

    claims = [it.name for it in LAYOUTS if it.recognises(listing)]

    own = [] if layout.name in NAMED_ONLY else [layout.name]
    assert [name for name in claims if name != "native"] == own
    recognised = read_directory([str(fixture_of(layout))]).layout
    assert recognised == (own or ["native"])[0]


@every_layout
def test_files_of_two_layouts_in_one_directory_are_asked_about(
    layout: Layout, tmp_path: Path
) -> None:
    if layout.name in NAMED_ONLY | {"supabase"}:
        pytest.skip("its names alone tell nothing")
    directory = tmp_path / "migrations"
    shutil.copytree(fixture_of(layout), directory)
    other = "goose" if layout.name == "flyway" else "flyway"
    (other_layout,) = (it for it in FOREIGN if it.name == other)
    shutil.copytree(fixture_of(other_layout), directory, dirs_exist_ok=True)

    (problem,) = read_directory([str(directory)]).problems

    assert layout.name in problem.message
    assert other in problem.message
    assert problem.hint == "say which: `--format NAME`, or `format` in the settings"


@every_layout
def test_every_migration_of_the_directory_is_read_in_the_order_of_its_key(
    layout: Layout,
) -> None:
    source = read_directory([str(fixture_of(layout))], format=layout.name)

    assert source.problems == ()
    assert len(source.files) >= 4
    versioned = [file.key for file in source.files if file.kind is Kind.VERSIONED]
    assert versioned == sorted(versioned, key=order_of)
    assert all(key.startswith(("n:", "name:")) for key in versioned)
    assert [row_of(file) for file in source.files]


@every_layout
def test_line_ends_and_a_byte_order_mark_change_nothing_that_is_hashed(
    layout: Layout, copied: Path
) -> None:
    before = read_directory([str(copied)], format=layout.name).files
    checksums = [file.define().checksum for file in before]

    for script in scripts(copied):
        text = script.read_bytes().replace(b"\n", b"\r\n")
        script.write_bytes(b"\xef\xbb\xbf" + text)

    after = read_directory([str(copied)], format=layout.name).files
    assert [file.define().checksum for file in after] == checksums
    assert [file.file_sha256 for file in after] != [file.file_sha256 for file in before]


@every_layout
def test_hidden_files_and_prose_are_ignored(layout: Layout, copied: Path) -> None:
    before = read_directory([str(copied)], format=layout.name)

    for name in (".hidden.sql", "_draft.sql", "README.md", ".git/1_x.sql", "notes.txt"):
        (copied / name).parent.mkdir(exist_ok=True)
        (copied / name).write_text("SELECT 1;")

    after = read_directory([str(copied)], format=layout.name)
    assert [file.key for file in after.files] == [file.key for file in before.files]
    assert (after.problems, after.warnings) == (before.problems, before.warnings)


@every_layout
def test_every_file_of_a_migration_is_part_of_its_digest(
    layout: Layout, copied: Path
) -> None:
    for path in [
        *scripts(copied),
        *copied.rglob("metadata.toml"),
        *copied.rglob("*.conf"),
    ]:
        before = {
            file.key: file.file_sha256
            for file in read_directory([str(copied)], format=layout.name).files
        }
        path.write_bytes(path.read_bytes() + b"\n")
        after = {
            file.key: file.file_sha256
            for file in read_directory([str(copied)], format=layout.name).files
        }
        changed = [key for key in before if before[key] != after[key]]
        assert len(changed) <= 1
        if not unused(path):
            assert len(changed) == 1, path


def unused(path: Path) -> bool:
    """Whether the fixture's file is there to be passed over."""
    return (
        path.name in {"B1__all.sql", "current.sql", "flyway.conf", "sqitch.conf"}
        or path.name == "20211208000000_init.sql"
        or path.parent.name == "verify"
    )


@every_layout
def test_everything_that_is_wrong_is_told_at_once_with_a_remedy(
    layout: Layout, copied: Path
) -> None:
    broken = [path for path in scripts(copied) if not unused(path)]
    for path in broken:
        path.write_bytes(path.read_bytes() + b"\n\xff\n")

    source = read_directory([str(copied)], format=layout.name)

    told = {line.partition(":")[0] for file in source.files for line in wrong_in(file)}
    assert told == {str(path.relative_to(copied)) for path in broken}


@every_layout
def test_a_template_is_refused_by_name_and_place(layout: Layout, copied: Path) -> None:
    path = next(
        path
        for path in scripts(copied)
        if b"CREATE" in path.read_bytes() and not unused(path)
    )
    path.write_bytes(path.read_bytes().replace(b"CREATE", b"{{ create }} CREATE", 1))
    name = str(path.relative_to(copied))
    source = read_directory([str(copied)], format=layout.name)

    told = [line for file in source.files for line in wrong_in(file)]

    assert any(
        line.startswith(f"{name}:") and "`{{ create }}` is a template" in line
        for line in told
    )


@every_layout
def test_what_is_skipped_is_left_out_and_said(layout: Layout, copied: Path) -> None:
    before = keys(copied, layout)
    (copied / "9_extra.sql").write_text("-- +goose Up\n-- migrate:up\nSELECT 1;\n")

    source = read_directory([str(copied)], format=layout.name, skip=["9_*"])

    assert [file.key for file in source.files] == before
    assert "9_extra.sql is skipped, as the setting `skip` says" in source.warnings


@every_layout
def test_an_empty_directory_holds_no_migrations(layout: Layout, tmp_path: Path) -> None:
    source = read_directory([str(tmp_path)], format=layout.name)

    assert source.files == ()
    assert bool(source.problems) == (layout.name == "sqitch")


def test_each_layout_says_what_it_reads_and_how() -> None:
    names = [layout.name for layout in LAYOUTS]

    assert len(set(names)) == len(names)
    for layout in LAYOUTS:
        assert layout.shape
        assert layout.identity
        assert layout.transaction
        assert layout.recognised
