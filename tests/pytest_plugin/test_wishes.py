"""What a session is told, from where, and what makes a template another one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncmigrate._settings import Settings
from asyncmigrate._testing.wishes import Wishes, draw, read_wishes
from asyncmigrate.errors import InvalidSetting, UnknownVersion
from tests.kit.files import Files


def ini(**values: object) -> Callable[[str], Any]:
    lists: dict[str, object] = {"asyncmigrate_directory": [], "asyncmigrate_before": []}
    given: Mapping[str, object] = {**lists, "asyncmigrate_after": [], **values}
    return lambda name: given.get(name, "")


def read(root: Path, **told: Any) -> Wishes:
    defaults: dict[str, Any] = {
        "dsn": None,
        "postgres": None,
        "ini": ini(),
        "broker": None,
        "expected": 0,
    }
    return read_wishes(root=root, **(defaults | told))


@pytest.fixture
def wishes(files: Files) -> Wishes:
    files.add("0001_a.sql", "SELECT 1;")
    files.add("0002_b.sql", "SELECT 2;")
    settings = Settings(directory=(str(files.path),))
    return Wishes(dsn=None, settings=settings, project="p")


def test_the_option_comes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ini(asyncmigrate_dsn="postgresql://file/")

    assert read(tmp_path).dsn is None
    assert read(tmp_path, ini=file).dsn == "postgresql://file/"
    monkeypatch.setenv("ASYNCMIGRATE_PYTEST_DSN", "postgresql://environment/")
    assert read(tmp_path, ini=file).dsn == "postgresql://environment/"
    told = read(tmp_path, ini=file, dsn="postgresql://option/")
    assert told.dsn == "postgresql://option/"


def test_the_database_of_the_command_is_never_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = '[tool.asyncmigrate]\ndsn = "postgresql://production/"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    monkeypatch.setenv("DATABASE_URL", "postgresql://production/")
    monkeypatch.setenv("ASYNCMIGRATE_DSN", "postgresql://production/")

    told = read(tmp_path)

    assert told.dsn is None
    assert told.settings.dsn is None


def test_the_commands_own_settings_hold_and_the_test_configuration_wins(
    tmp_path: Path,
) -> None:
    table = '[tool.asyncmigrate]\ndirectory = "sql"\nnamespace = "shop"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")

    of_the_command = read(tmp_path).settings
    of_the_tests = read(
        tmp_path,
        ini=ini(
            asyncmigrate_directory=["other", "package:shop/sql"],
            asyncmigrate_namespace="tests",
        ),
    ).settings

    assert of_the_command.directory == (str(tmp_path / "sql"),)
    assert of_the_command.namespace == "shop"
    assert of_the_tests.directory == (str(tmp_path / "other"), "package:shop/sql")
    assert of_the_tests.namespace == "tests"
    assert read(tmp_path / "deep").settings.directory == (str(tmp_path / "sql"),)


def test_a_template_is_another_one_when_anything_in_it_is(
    wishes: Wishes, files: Files, tmp_path: Path
) -> None:
    seed = tmp_path / "seed.sql"
    seed.write_text("SELECT 1;", encoding="utf-8")
    settings = wishes.settings
    keys = [
        draw(wishes).key,
        draw(wishes, "2").key,
        draw(wishes, "1").key,
        draw(wishes, "0").key,
        draw(replace(wishes, before=(seed,))).key,
        draw(replace(wishes, after=(seed,))).key,
        draw(replace(wishes, settings=replace(settings, namespace="other"))).key,
        draw(replace(wishes, settings=replace(settings, placeholders={"a": "b"}))).key,
    ]
    again = draw(wishes).key
    files.add("0002_b.sql", "SELECT 3;")
    keys += [draw(wishes).key, draw(wishes, "2").key]

    assert again == keys[0]
    assert len(set(keys)) == len(keys)


def test_the_template_of_a_version_does_not_depend_on_what_comes_after_it(
    wishes: Wishes, files: Files
) -> None:
    before = draw(wishes, "0001")
    files.add("0002_b.sql", "SELECT 3;")

    after = draw(wishes, "1")

    assert (before.key, before.target) == (after.key, after.target)


def test_what_cannot_be_meant_is_refused(wishes: Wishes, tmp_path: Path) -> None:
    with pytest.raises(UnknownVersion, match="nearest are 0001, 0002"):
        draw(wishes, "3")
    with pytest.raises(InvalidSetting, match=r"gone\.sql cannot be read"):
        draw(replace(wishes, before=(tmp_path / "gone.sql",)))
    with pytest.raises(InvalidSetting, match="no major version"):
        read(tmp_path, postgres="18.1")
