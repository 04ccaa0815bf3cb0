"""Migrations inside an installed package, on disk or in an archive."""

import sys
import zipfile
from pathlib import Path

import pytest

from asyncmigrate._layouts import read_directory
from asyncmigrate._layouts.packages import PackageFolder
from tests.layouts.disk import Disk

FILES = {
    "__init__.py": "",
    "migrations/0001_a.sql": "-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;\n",
    "migrations/0002_b.py": "async def up(connection): pass\n",
    "migrations/more/0003_c.sql": "SELECT 3;\n",
    "migrations/_ignored.sql": "SELECT 4;\n",
    "migrations/repeatable/v.sql": "SELECT 5;\n",
}


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """A package's name that is imported in no other test."""
    name = "package_of_migrations"
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


@pytest.fixture
def on_disk(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    disk = Disk(tmp_path)
    for file, text in FILES.items():
        disk.add(f"{name}/{file}", text)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def archived(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for file, text in FILES.items():
            archive.writestr(f"{name}/{file}", text)
    monkeypatch.syspath_prepend(tmp_path / "app.zip")
    return name


@pytest.mark.parametrize("place", ["on_disk", "archived"])
def test_migrations_are_read_from_a_package_wherever_it_is(
    place: str, request: pytest.FixtureRequest
) -> None:
    name = request.getfixturevalue(place)

    source = read_directory([f"package:{name}/migrations"])

    assert source.problems == ()
    assert [file.file for file in source.files] == [
        "0001_a.sql",
        "0002_b.py",
        "more/0003_c.sql",
        "repeatable/v.sql",
    ]
    assert [bool(file.path) for file in source.files] == [place == "on_disk"] * 4
    texts = [file.define().up.text for file in source.files]
    assert texts == [
        "SELECT 1;",
        "async def up(connection): pass",
        "SELECT 3;",
        "SELECT 5;",
    ]


def test_one_file_has_one_digest_on_disk_and_in_an_archive(
    on_disk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_directory([f"package:{on_disk}/migrations"])
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for file, text in FILES.items():
            archive.writestr(f"{on_disk}/{file}", text)
    monkeypatch.delitem(sys.modules, on_disk)
    monkeypatch.syspath_prepend(tmp_path / "app.zip")
    second = read_directory([f"package:{on_disk}/migrations"])

    digests = [[file.file_sha256 for file in each.files] for each in (first, second)]

    assert digests[0] == digests[1]


def test_a_package_without_init_file_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(tmp_path)
    disk.add(f"{name}/1.sql")
    disk.add(f"{name}/sub/2.sql")
    (tmp_path / name / "sub" / "loop").symlink_to("..")
    monkeypatch.syspath_prepend(tmp_path)

    source = read_directory([f"package:{name}"])

    assert source.problems == ()
    assert [file.file for file in source.files] == ["1.sql", "sub/2.sql"]
    assert [file.path for file in source.files] == [
        str(tmp_path / name / "1.sql"),
        str(tmp_path / name / "sub/2.sql"),
    ]


@pytest.mark.parametrize(
    "directory",
    ["package:no_such_package/migrations", "package:", "package:/x", "package:../x"],
)
def test_a_package_that_is_not_there_is_a_problem(directory: str) -> None:
    (problem,) = read_directory([directory]).problems

    assert problem.file == directory
    assert "cannot be imported" in problem.message
    assert problem.hint == "install it, or write `package:NAME/FOLDER`"


def test_a_package_whose_import_fails_is_a_problem(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(tmp_path).add(f"{name}/__init__.py", "1 / 0")
    monkeypatch.syspath_prepend(tmp_path)

    (problem,) = read_directory([f"package:{name}/migrations"]).problems

    assert problem.message == (
        f"the package `{name}` cannot be imported: division by zero"
    )


def test_a_folder_that_a_package_on_disk_does_not_have_is_a_problem(
    on_disk: str,
) -> None:
    (problem,) = read_directory([f"package:{on_disk}/gone"]).problems

    assert str(problem) == f"package:{on_disk}/gone: there is no such directory"


def test_a_folder_that_an_archive_does_not_have_is_a_problem(archived: str) -> None:
    source = read_directory([f"package:{archived}/gone"])

    (problem,) = source.problems
    assert problem.message == "there is no such folder in the package"
    assert problem.hint
    assert source.warnings == ()


def test_a_file_of_an_archive_that_is_damaged_is_a_problem(
    archived: str, tmp_path: Path
) -> None:
    path = tmp_path / "app.zip"
    path.write_bytes(path.read_bytes().replace(b"SELECT 3", b"SELECT 9"))

    source = read_directory([f"package:{archived}/migrations"])

    (problem,) = source.problems
    assert problem.file == "more/0003_c.sql"
    assert "Bad CRC-32" in problem.message
    assert len(source.files) == 3


def test_a_name_in_an_archive_that_is_not_utf_8_is_a_problem(
    archived: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "asyncmigrate._layouts.packages.is_sayable", lambda name: "0001" not in name
    )

    source = read_directory([f"package:{archived}/migrations"])

    assert [str(problem) for problem in source.problems] == [
        "0001_a.sql: the file's name is not UTF-8"
    ]


def test_an_operating_system_that_refuses_is_not_reworded(tmp_path: Path) -> None:
    folder = PackageFolder(tmp_path)

    with pytest.raises(FileNotFoundError):
        folder.read("gone.sql")
