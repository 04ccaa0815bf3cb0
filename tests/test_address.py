"""The spellings of a database URL that people have: translated, or refused."""

import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asyncmigrate._database.address import Address, read_address
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.session import Names
from asyncmigrate._settings import mask
from asyncmigrate.errors import (
    DatabaseUnreachable,
    DatabaseUnusable,
    InvalidSetting,
    InvalidUsage,
    MigrationError,
)
from tests.kit.databases import Database

NAMES = Names("asyncmigrate", "default")


def read(dsn: str | None) -> Address:
    return read_address(dsn, {})


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2", "POSTGRES"],
)
def test_a_scheme_with_or_without_a_driver_is_understood(scheme: str) -> None:
    assert read(f"{scheme}://u@h:5433/d").dsn == "postgresql://u@h:5433/d"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("u:p@ss@h/d", "u:p%40ss@h/d"),
        ("u:p%40ss@h/d", "u:p%40ss@h/d"),
        ("u:100%@h/d", "u:100%25@h/d"),
        ("u:a:b@h/d", "u:a%3Ab@h/d"),
        ("u:[x]@h/d", "u:%5Bx%5D@h/d"),
        ("u:℀@h/d", "u:%E2%84%80@h/d"),
        ("me@server:x@h/d", "me%40server:x@h/d"),
        ("/d", "/d"),
        ("u@%2Ftmp/d", "u@%2Ftmp/d"),
        ("u@[::1]:5432/d", "u@[::1]:5432/d"),
        ("u@a:1,b:2/d", "u@a:1,b:2/d"),
        ("h/d?channel_binding=require&pgbouncer=false&pool_timeout=3", "h/d"),
        ("h/d?keepalives=1&fallback_application_name=x", "h/d"),
        ("h/d?sslmode=require", "h/d?sslmode=require"),
        ("h/d?ssl=true", "h/d?sslmode=require"),
        ("h/d?ssl=false", "h/d?sslmode=disable"),
        ("h/d?ssl=verify-full", "h/d?sslmode=verify-full"),
        ("h/d?ssl=true&sslmode=prefer", "h/d?sslmode=prefer"),
        ("h/d?application_name=a%20b", "h/d?application_name=a+b"),
    ],
)
def test_what_people_write_becomes_what_they_mean(written: str, meant: str) -> None:
    assert read(f"postgresql://{written}").dsn == f"postgresql://{meant}"


def test_keys_of_other_drivers_are_not_sent_to_the_server() -> None:
    address = read("postgresql://h/d?schema=My%20App&connect_timeout=7&pgbouncer=true")

    assert address.dsn == "postgresql://h/d"
    assert address.server_settings == {"search_path": '"My App"'}
    assert address.timeout == 7
    assert address.warnings == (
        "the DSN says `pgbouncer=true`; migrations need a direct connection",
    )


def test_a_connect_timeout_of_zero_is_the_default() -> None:
    assert read("postgresql://h/d?connect_timeout=0").timeout == 30


@pytest.mark.parametrize(
    ("dsn", "message", "remedy"),
    [
        ("host=h password=hunter2", "in the form key=value", "postgresql://user"),
        ("h/d", "has no `postgresql://`", "postgresql://user"),
        ("mysql://u:hunter2@h/d", "for 'mysql', not for PostgreSQL", "postgresql://"),
        ("jdbc:postgresql://h/d", "for 'jdbc:postgresql'", "postgresql://"),
        ('"postgresql://u:hunter2@h/d"', "no PostgreSQL URL", "postgresql://"),
        ("postgresql://u:hunter2#x@h/d", "a raw `#`", "`#` is %23"),
        ("postgresql://u:hunter2?x@h/d", "a raw `#`, `?`", "`?` is %3F"),
        ("postgresql://u:hunter2@?x=@h/d", "a raw `#`, `?`", "`?` is %3F"),
        ("postgresql://u:hunter2/x@h/d", "a raw `#`, `?`, `/`", "`/` is %2F"),
        ("postgresql://u@h:port/d", "its port is no number", "postgresql://user"),
        ("postgresql://u@h:99999/d", "its port is no number", "postgresql://user"),
        ("postgresql://u@h:²/d", "its port is no number", "postgresql://user"),
        ("postgresql://u:hunter2:h/d", "its port is no number", "%3A"),
        ("postgresql://h/d?connect_timeout=soon", "no number of seconds", "=10"),
        ("postgresql://h/d?connect_timeout=nan", "no number of seconds", "=10"),
        ("postgresql://h/d?connect_timeout=-1", "no number of seconds", "=10"),
        ("postgresql://h/d?service=nowhere", "no service 'nowhere'", "PGSERVICEFILE"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(
    dsn: str, message: str, remedy: str
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        read(dsn)

    assert message in caught.value.message
    assert remedy in (caught.value.hint or "")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("dsn", [None, "", "  "])
def test_without_a_dsn_the_variables_of_libpq_must_name_something(
    dsn: str | None,
) -> None:
    assert read_address(dsn, {"PGHOST": "h"}) == Address(dsn=None, shown="h")
    assert read_address(dsn, {"PGDATABASE": "d"}).dsn is None
    with pytest.raises(InvalidUsage, match="no database was given"):
        read_address(dsn, {"PGUSER": "u"})


def test_a_service_must_be_one_that_its_file_has(tmp_path: Path) -> None:
    file = tmp_path / "pg_service.conf"
    file.write_text("[mine]\nhost=h\n")
    here = {"PGSERVICEFILE": str(file), "PGSERVICE": "mine"}

    for dsn in (None, "postgresql:///d", "postgresql:///d?service=mine"):
        address = read_address(dsn, here)
        assert address.dsn == ("postgresql:///d" if dsn else "postgresql:///")
        assert (address.service, address.service_file) == ("mine", str(file))
        assert address.shown == "the service 'mine'"
    assert read_address("postgresql://h/d", here).shown == "h/d"
    with pytest.raises(InvalidSetting, match="there is no service 'other'"):
        read_address(None, {**here, "PGSERVICE": "other"})
    with pytest.raises(InvalidSetting, match=r"mine' in .*pg_service.conf or /nowhere"):
        read_address(
            None, {"PGSERVICE": "mine", "PGSYSCONFDIR": "/nowhere", "PGSERVICEFILE": ""}
        )


# Long and of letters that no message of ours is made of, so that finding one is a leak.
secrets = st.text(
    st.sampled_from("§¿ZQ€℀é\t " + string.punctuation), min_size=1, max_size=12
).map(lambda text: f"Zq{text}qZ")


@given(
    secrets, st.sampled_from(["@h/d", "@h:1/d?sslmode=prefer", ":h", "", "@", "@h:x/"])
)
def test_no_password_is_in_any_text_that_is_shown(secret: str, rest: str) -> None:
    assume("@" in rest or "@" not in secret)  # nobody could tell it from a host
    dsn = f"postgresql://user:{secret}{rest}"
    told = [mask(dsn)]

    try:
        address = read(dsn)
    except MigrationError as error:
        told += [str(error), error.message, str(error.hint)]
    else:
        told += [address.shown, *address.warnings]

    assert [text for text in told if "Zq" in text or "qZ" in text] == []


@given(secrets)
def test_an_encoded_password_arrives_as_it_is_and_is_known_as_a_secret(
    secret: str,
) -> None:
    address = read(
        f"postgresql://u:{quote(secret, safe='')}@h/d?password={quote(secret)}"
    )

    assert address.dsn is not None
    assert address.dsn.startswith(f"postgresql://u:{quote(secret, safe='')}@h/d?")
    assert address.scrubbed(f"<{secret}>") == "<***>"


async def test_a_wrong_host_port_password_or_database_is_told_without_the_password(
    database: Database,
) -> None:
    async def attempt(dsn: str) -> MigrationError:
        with pytest.raises(MigrationError) as caught:
            await open_session(read(dsn), NAMES, None, "test")
        assert "hunter2" not in str(caught.value)
        return caught.value

    place = database.dsn.rpartition("@")[2].partition("/")[0]
    no_host = await attempt("postgresql://u:hunter2@host.invalid/d")
    no_port = await attempt("postgresql://u:hunter2@127.0.0.1:1/d")
    no_user = await attempt(f"postgresql://nobody:hunter2@{place}/{database.name}")
    no_database = await attempt(database.server.dsn("nowhere"))
    no_setting = await attempt(f"{database.dsn}?password=hunter2&nonsense=1")
    no_mode = await attempt(f"{database.dsn}?sslmode=hunter3&password=hunter2")

    assert isinstance(no_host, DatabaseUnreachable)
    assert isinstance(no_port, DatabaseUnreachable)
    assert "127.0.0.1:1" in no_port.message
    assert isinstance(no_user, DatabaseUnusable)
    assert not isinstance(no_user, DatabaseUnreachable)
    assert no_database.sqlstate == "3D000"
    assert "CREATE DATABASE" in (no_database.hint or "")
    assert "nonsense" in no_setting.message
    assert isinstance(no_mode, InvalidSetting)
