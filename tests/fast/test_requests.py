"""What the fast look reads of a start is what the ordinary path reads, or nothing."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from asyncpg import connect_utils

from asyncmigrate._cli.commands.migrate import COMMAND
from asyncmigrate._cli.plain import read_plainly
from asyncmigrate._configuration import load
from asyncmigrate._database.address import read_address
from asyncmigrate._fast.request import Request, read_request
from asyncmigrate._fast.wire import SECONDS
from asyncmigrate.errors import InvalidSetting
from tests.fast.test_fast_look import environment

DSN = "postgresql://app:s3cret@db:5433/shop"

PLAIN = [
    DSN,
    "postgres://app:s3cret@db/shop",
    "postgresql+asyncpg://app:s3cret@db/shop",
    "postgresql+psycopg_2://app@db/shop",
    "postgresql://app:a%20b%2F%3a@db/shop%2Done",
    "postgresql://app:p@10.0.0.1:1/shop?sslmode=prefer&connect_timeout=10",
    "postgresql://app:p@my-db.example_x:65535/shop?sslmode=disable",
    "postgresql://app:p a;ss@db/shop",
    "postgresql://app:@db/shop",
]
ODD = [
    "", "postgresql://", "postgresql://db/shop", "postgresql://app@/shop",
    "postgresql://app@db", "postgresql://app@db/", "postgresql://@db/shop",
    "postgresql://app:p@db/app%", "postgresql://app:a%%41@db/shop",
    "postgresql://app:a%4@db/shop", "postgresql://app:a%4g@db/shop",
    "postgresql://app:a%+4@db/shop", "postgresql://app:a% 4@db/shop",
    "postgresql://app:a%00@db/shop", "postgresql://app:a%0a@db/shop",
    "postgresql://app:%C3%A9@db/shop", "postgresql://app:%ff@db/shop",
    "postgresql://app:é@db/shop",
    "postgresql://app:p@db:0/shop", "postgresql://app:p@db:65536/shop",
    "postgresql://app:p@db:/shop", "postgresql://app:p@db:5x/shop",
    "postgresql://app:p@db:1:2/shop", "postgresql://app:p@db:²/shop",
    "postgresql://app:p@db:000000005432/shop",
    "postgresql+a+b://app:p@db/shop", "postgresql+a-b://app:p@db/shop",
    "postgresql+://app:p@db/shop", "mysql://app:p@db/shop",
    "POSTGRESQL://app:p@db/shop", "jdbc:postgresql://app:p@db/shop",
    "postgresql://app:p@db,other/shop", "postgresql://app:p@[::1]/shop",
    "postgresql://app:p@%2Fvar%2Frun/shop", "postgresql://app:p@a b/shop",
    "postgresql://app:p@db/shop/more", "postgresql://app:p@db/shop#x",
    "postgresql://app:p@x@db/shop", "postgresql://ap/p:p@db/shop",
    f"{DSN}?connect_timeout=0", f"{DSN}?connect_timeout=2",
    f"{DSN}?connect_timeout=99999", f"{DSN}?connect_timeout=1.5",
    f"{DSN}?connect_timeout=²", f"{DSN}?sslmode=require", f"{DSN}?sslmode=",
    f"{DSN}?sslmode=disable&sslmode=require", f"{DSN}?sslmode=prefer&",
    f"{DSN}?password=other", f"{DSN}?host=other", f"{DSN}?ssl=false",
    f" {DSN}", f"{DSN} ", f"{DSN}\n", f"{DSN}\u00a0", "postgresql://a\tb:p@db/shop",
]  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def ordinary(arguments: list[str]) -> dict[str, object]:
    """As the command and the driver read it, in the environment as it is now."""
    values = read_plainly(arguments[1:], COMMAND.options)
    assert values is not None
    resolved = load({name: values[name] for name in COMMAND.settings})
    assert not resolved.warnings
    settings = resolved.settings
    address = read_address(settings.dsn, os.environ)
    assert address.timeout >= SECONDS
    unsaid = (
        "host", "port", "user", "password", "passfile", "database", "ssl", "service",
        "servicefile", "direct_tls", "server_settings", "target_session_attrs",
        "krbsrvname", "gsslib",
    )  # fmt: skip
    [(host, port)], params = connect_utils._parse_connect_dsn_and_args(  # type: ignore[attr-defined]  # noqa: SLF001 - private
        dsn=address.dsn, **dict.fromkeys(unsaid)
    )
    return {
        "directory": ",".join(settings.directory),
        "namespace": settings.namespace,
        "host": host,
        "port": port,
        "user": params.user,
        "password": params.password or "",
        "database": params.database,
        "ask_tls": params.sslmode.name == "prefer",
        "quiet": values["quiet"],
    }


def read(arguments: list[str], **variables: str) -> Request | None:
    """The request, which is the ordinary path's, if there is one."""
    with environment(**variables):
        request = read_request(arguments)
        if request is not None:
            found = {key: getattr(request, key) for key in ordinary(arguments)}
            assert found == ordinary(arguments)
    return request


@pytest.mark.parametrize("dsn", PLAIN)
def test_a_plain_url_is_read_as_the_driver_reads_it(dsn: str) -> None:
    assert read(["migrate"], DATABASE_URL=dsn) is not None
    assert read(["up", "--dsn", dsn, "-q"], DATABASE_URL="other") is not None


@pytest.mark.parametrize("dsn", ODD)
def test_an_odd_url_is_left_to_the_ordinary_path(dsn: str) -> None:
    assert read(["migrate"], DATABASE_URL=dsn) is None


@pytest.mark.parametrize(
    "variables",
    [
        {}, {"ASYNCMIGRATE_NAMESPACE": "b c"}, {"ASYNCMIGRATE_DIRECTORY": "db/é"},
        {"ASYNCMIGRATE_RELEASE": "v1.2"}, {"ASYNCMIGRATE_LOCK_WAIT": "999999999"},
        {"ASYNCMIGRATE_WAIT_FOR_DATABASE": "30s"}, {"PGDATA": "/var/lib/postgresql"},
        {"ASYNCMIGRATE_FAST": "1"}, {"ASYNCMIGRATE_FAST": "On"},
        {"ASYNCMIGRATE_FAST": "TRUE"}, {"ASYNCMIGRATE_DSN": f"{DSN}2"},
    ],
    ids=str,
)  # fmt: skip
def test_a_plain_variable_is_read(variables: dict[str, str]) -> None:
    assert read(["migrate"], **{"DATABASE_URL": DSN, **variables}) is not None


@pytest.mark.parametrize(
    "variables",
    [
        {"ASYNCMIGRATE_NAMESPACE": " b"}, {"ASYNCMIGRATE_NAMESPACE": ""},
        {"ASYNCMIGRATE_NAMESPACE": "a\u200bb"}, {"ASYNCMIGRATE_NAMESPACE": "\udcff"},
        {"ASYNCMIGRATE_DIRECTORY": "db "}, {"ASYNCMIGRATE_DIRECTORY": "a,b"},
        {"ASYNCMIGRATE_DIRECTORY": "package:a/b"}, {"ASYNCMIGRATE_RELEASE": "a\nb"},
        {"ASYNCMIGRATE_RELEASE": ""}, {"ASYNCMIGRATE_RELEASE": "\udcff"},
        {"ASYNCMIGRATE_LOCK_WAIT": "9999999999"}, {"ASYNCMIGRATE_LOCK_WAIT": "-1"},
        {"ASYNCMIGRATE_LOCK_WAIT": "1e3"}, {"ASYNCMIGRATE_LOCK_WAIT": "²"},
        {"ASYNCMIGRATE_LOCK_WAIT": "5min"}, {"ASYNCMIGRATE_LOCK_WAIT": "s"},
        {"_ASYNCMIGRATE_COMPLETE": "complete_bash"}, {"_ASYNCMIGRATE_COMPLETE": ""},
        {"ASYNCMIGRATE_FAST": "0"}, {"ASYNCMIGRATE_FAST": "False"},
        {"ASYNCMIGRATE_FAST": "OFF"}, {"ASYNCMIGRATE_FAST": "never"},
        {"ASYNCMIGRATE_FAST": ""}, {"ASYNCMIGRATE_SKIP": "x"}, {"PGADMIN": "x"},
        {"PGSSLROOTCERT": "x"},
    ],
    ids=ascii,
)  # fmt: skip
def test_an_odd_variable_is_left_to_the_ordinary_path(
    variables: dict[str, str],
) -> None:
    assert read(["migrate"], **{"DATABASE_URL": DSN, **variables}) is None


@pytest.mark.parametrize(
    "options",
    [
        ["-d", " db"], ["--directory=db\u00a0"], ["--namespace", "a\tb"],
        ["--lock-wait=9999999999s"], ["--namespace="], ["-d=db"], ["-d", "a", "-d", "b"],
    ],
    ids=ascii,
)  # fmt: skip
def test_an_odd_option_is_left_to_the_ordinary_path(options: list[str]) -> None:
    assert read(["migrate", *options], DATABASE_URL=DSN) is None


@pytest.mark.parametrize(
    ("file", "url"),
    [
        (".pgpass", "postgresql://app@db/shop?sslmode=disable"),
        (".pgpass", "postgresql://app:@db/shop?sslmode=disable"),
        (".postgresql", DSN),
    ],
)
def test_what_the_driver_reads_at_home_is_left_to_it(
    home: Path, file: str, url: str
) -> None:
    assert read(["migrate"], DATABASE_URL=url) is not None

    (home / file).touch()

    assert read(["migrate"], DATABASE_URL=url) is None
    assert read(["migrate"], DATABASE_URL=f"{DSN}?sslmode=disable") is not None


NOT_OURS = [
    '[project]\ndependencies = ["asyncmigrate"]\n[broken\n',
    '[project]\nname = "asyncmigrate-tools"\n[tool.other]\nx = 1\n',
    "[tool]\nother = 1\n",
    '[tool.mypy]\noverrides = "asyncmigrate"\n',
]
OURS = [
    '[tool.asyncmigrate]\nnamespace = "x"\n',
    '[ tool . "asyncmigrate" ]\nnamespace = "x"\n',
    "['tool'.\t'asyncmigrate']\nnamespace = 'x'\n",
    '[tool]\nasyncmigrate.namespace = "x"\n',
    '[tool] # ours\nasyncmigrate = { namespace = "x" }\n',
    'tool.asyncmigrate.namespace = "x"\n',
    'tool = { asyncmigrate = { namespace = "x" } }\n',
    '# first\r\n"tool" = { asyncmigrate = { namespace = "x" } }\r\n',
    '[tool."async\\u006digrate"]\nnamespace = "x"\n',
    '["t\\U0000006fol".asyncmigrate]\nnamespace = "x"\n',
]


@pytest.mark.parametrize("text", NOT_OURS)
def test_a_project_that_merely_mentions_us_is_not_parsed(text: str, home: Path) -> None:
    (home / "pyproject.toml").write_text(text)

    assert read(["migrate"], DATABASE_URL=DSN) is not None


@pytest.mark.parametrize("text", OURS)
def test_a_table_of_ours_is_found_however_it_is_written(text: str, home: Path) -> None:
    (home / "pyproject.toml").write_bytes(text.encode())

    assert read(["migrate"], DATABASE_URL=DSN) is None
    assert load({}, {}).settings.namespace == "x"


def test_what_only_a_later_toml_spells_is_refused_and_not_passed_over(
    home: Path,
) -> None:
    text = '[tool."async\\x6digrate"]\nnamespace = "x"\n'
    (home / "pyproject.toml").write_text(text)

    assert read(["migrate"], DATABASE_URL=DSN) is None
    with suppress(InvalidSetting):
        assert load({}, {}).settings.namespace == "x"
