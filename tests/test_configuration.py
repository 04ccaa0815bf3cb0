"""Settings come from options, environment and the nearest file, and say so."""

import os
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from asyncmigrate._cli.options import SETTINGS
from asyncmigrate._configuration import find_file, load
from asyncmigrate._settings import known_settings
from asyncmigrate.errors import InvalidSetting
from tests.kit.commands import Cli

TABLE = "[tool.asyncmigrate]\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project" / "src" / "deep"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path / "project"


def test_the_nearest_file_on_the_way_up_holds(here: Path) -> None:
    (here / "pyproject.toml").write_text(TABLE + 'namespace = "far"\n')
    (here / "src" / "pyproject.toml").write_text('[project]\nname = "asyncmigrate-x"\n')
    assert load({}, {}).settings.namespace == "far"

    (here / "src" / "asyncmigrate.toml").write_text('namespace = "near"\n')

    assert load({}, {}).settings.namespace == "near"
    assert load({}, {"ASYNCMIGRATE_NAMESPACE": "env"}).settings.namespace == "env"
    given = load({"namespace": "option"}, {"ASYNCMIGRATE_NAMESPACE": "env"})
    assert given.settings.namespace == "option"


def test_without_a_file_there_are_the_defaults(here: Path) -> None:
    assert find_file(here).path is None
    assert load({}, {}).settings.directory == ("migrations",)


def test_a_directory_in_a_file_is_meant_from_where_the_file_is(here: Path) -> None:
    (here / "pyproject.toml").write_text(
        TABLE + 'directory = ["db", "/srv/db", "package:shop/migrations"]\n'
    )

    assert load({}, {}).settings.directory == (
        str(here / "db"),
        "/srv/db",
        "package:shop/migrations",
    )
    os.chdir(here)
    assert load({}, {}).settings.directory[0] == "db"
    assert load({}, {"ASYNCMIGRATE_DIRECTORY": "x"}).settings.directory == ("x",)


def test_a_directory_may_be_one_text(here: Path) -> None:
    (here / "asyncmigrate.toml").write_text('directory = "db, more"\n')

    os.chdir(here)

    assert load({}, {}).settings.directory == ("db", "more")


def test_both_kinds_of_file_in_one_folder_are_refused(here: Path) -> None:
    (here / "pyproject.toml").write_text(TABLE)
    (here / "asyncmigrate.toml").write_text("")

    with pytest.raises(InvalidSetting, match=r"both .* hold settings"):
        load({}, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.asyncmigrate\n", "cannot be read"),
        (TABLE + "# \xff", "cannot be read"),
        ("[tool]\nasyncmigrate = 3\n", "`tool.asyncmigrate` is no table"),
        (TABLE + "lockwait = 3\n", "there is no setting `lockwait`"),
        (TABLE + "lock_wait = -3\n", "-3 is no value for `lock_wait`"),
        (TABLE + "directory = 3\n", "3 is no value for `directory`"),
        (TABLE + "directory = [3]\n", "no value for `directory`"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(
    here: Path, text: str, message: str
) -> None:
    (here / "pyproject.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(InvalidSetting, match=message) as raised:
        load({}, {})

    assert "pyproject.toml" in raised.value.message


def test_a_folder_in_place_of_a_file_is_no_file(here: Path) -> None:
    (here / "pyproject.toml").mkdir()

    assert find_file(here).path is None


def test_every_setting_has_its_option() -> None:
    # Values of placeholders may be secret, and belong into a file or a variable.
    assert set(known_settings()) - {"placeholders"} == set(SETTINGS)


async def test_what_holds_is_shown_with_where_it_came_from(cli: Cli) -> None:
    (cli.cwd / "pyproject.toml").write_text(
        TABLE + 'block-limit = "off"\nplaceholders = { key = "s3cr3t" }\n'
    )

    shown = await cli(
        "config",
        "--namespace",
        "tenant",
        env={
            "DATABASE_URL": "postgresql://app:s3cr3t@db/shop?password=s3cr3t",
            "ASYNCMIGRATE_LOCK_WAIT": "2min",
            "ASYNCMIGRATE_LOKC_WAIT": "2min",
            "ASYNCMIGRATE_READERS": "report, audit",
        },
    )

    assert shown.shown == snapshot("""\
exit 0
--- stdout
setting             value                                      from
dsn                 postgresql://app:***@db/shop?password=***  DATABASE_URL
directory           migrations                                 default
format              -                                          default
skip                -                                          default
placeholders        key=***                                    pyproject.toml
namespace           tenant                                     --namespace
tracking_schema     asyncmigrate                               default
lock_wait           N s                                      ASYNCMIGRATE_LOCK_WAIT
lease_ttl           N s                                       default
lock_timeout        N s                                        default
lock_retries        10                                         default
block_limit         off                                        pyproject.toml
statement_timeout   N s                                        default
concurrent_timeout  N s                                        default
cleanup_grace       N s                                        default
wait_for_database   N s                                        default
store_scripts       all                                        default
readers             report, audit                              ASYNCMIGRATE_READERS
role                -                                          default
allow_out_of_order  false                                      default
allow_pooler        false                                      default
single_transaction  false                                      default
protected           false                                      default
release             -                                          default
--- stderr
warning: there is no setting for ASYNCMIGRATE_LOKC_WAIT; did you mean ASYNCMIGRATE_LOCK_WAIT?\
""")


async def test_what_holds_is_told_to_programs_as_well(cli: Cli) -> None:
    shown = await cli(
        "config",
        "--json",
        "--dsn",
        "postgresql://app:s3cr3t@db/shop",
        "--block-limit",
        "off",
    )

    settings = shown.document["settings"]
    assert settings["dsn"] == {
        "value": "postgresql://app:***@db/shop",
        "origin": "option",
        "source": "--dsn",
    }
    assert settings["block_limit"]["value"] == "off"
    assert settings["lock_wait"] == {
        "value": 300.0,
        "origin": "default",
        "source": None,
    }
    assert "s3cr3t" not in shown.stdout
