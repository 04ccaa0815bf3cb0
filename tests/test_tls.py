"""TLS: whom a connection trusts, and what is said when it does not."""

import os
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import asyncpg
import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import (
    DatabaseUnreachable,
    DatabaseUnusable,
    InvalidSetting,
    MigrationError,
)
from tests.kit import tls
from tests.kit.app import App, versions
from tests.kit.databases import Database
from tests.kit.polling import eventually


@pytest.fixture
def app(database: Database) -> App:
    app = App(database)
    app.add(_0001_users="CREATE TABLE users (id int);")
    return app


@pytest.fixture
def authority(tmp_path: Path) -> tls.Authority:
    return tls.Authority(tmp_path)


@pytest.fixture
async def dsn(app: App, authority: tls.Authority) -> AsyncGenerator[str]:
    """The database behind TLS, with a certificate for ``localhost``."""
    async with tls.speaking(app.dsn, authority) as dsn:
        yield dsn


async def refusal(app: App, dsn: str) -> MigrationError:
    with pytest.raises(MigrationError) as caught:
        await app.migrate(dsn=dsn)
    assert await app.database.tables() == set()
    return caught.value


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
async def test_a_server_with_a_certificate_of_the_named_authority_is_migrated(
    app: App, dsn: str, authority: tls.Authority, mode: str
) -> None:
    report = await app.migrate(dsn=f"{dsn}?sslmode={mode}&sslrootcert={authority.file}")

    assert versions(report) == ["+0001"]


async def test_the_authority_may_be_named_by_a_variable(
    app: App, dsn: str, authority: tls.Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(authority.file))

    assert versions(await app.migrate(dsn=dsn)) == ["+0001"]


async def test_a_server_that_another_authority_vouches_for_is_refused(
    app: App, dsn: str, tmp_path: Path
) -> None:
    other = tls.Authority(tmp_path, "other")

    error = await refusal(app, f"{dsn}?sslmode=verify-full&sslrootcert={other.file}")

    assert type(error) is DatabaseUnusable
    assert error.exit_status == 5
    assert "its certificate is not to be trusted: unable to get" in error.message
    assert "`sslrootcert` names the file of the authority" in (error.hint or "")


async def test_a_certificate_for_another_host_is_refused_by_verify_full_alone(
    app: App, dsn: str, authority: tls.Authority
) -> None:
    by_number = dsn.replace(f"@{tls.HOST}:", "@127.0.0.1:")
    trust = f"sslrootcert={authority.file}"

    error = await refusal(app, f"{by_number}?sslmode=verify-full&{trust}")
    report = await app.migrate(dsn=f"{by_number}?sslmode=verify-ca&{trust}")

    assert "not valid for '127.0.0.1'" in error.message
    assert versions(report) == ["+0001"]


@pytest.mark.parametrize("key", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
async def test_a_file_that_is_not_there_is_named_and_not_waited_for(
    app: App, dsn: str, key: str
) -> None:
    error = await refusal(app, f"{dsn}?sslmode=require&{key}=/nowhere/to.pem")

    assert isinstance(error, InvalidSetting)
    assert error.message == (
        f"the DSN's `{key}`: /nowhere/to.pem cannot be read: No such file or directory"
    )


@pytest.mark.parametrize("keys", [("sslrootcert",), ("sslcert", "sslkey")])
async def test_a_file_that_holds_no_certificate_is_not_waited_for_either(
    app: App, dsn: str, tmp_path: Path, keys: tuple[str, ...]
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no certificate")
    query = "&".join(f"{key}={file}" for key in keys)

    error = await refusal(app, f"{dsn}?sslmode=require&{query}")

    assert isinstance(error, InvalidSetting)
    assert "not in PEM format" in (error.hint or "")


async def test_a_server_without_tls_is_not_waited_for_where_tls_is_asked_for(
    app: App,
) -> None:
    if await app.database.fetchval("SHOW ssl") == "on":
        pytest.skip("the server of this session speaks TLS")

    error = await refusal(app, f"{app.dsn}?sslmode=require")

    assert not isinstance(error, DatabaseUnreachable)
    assert "rejected SSL upgrade" in error.message
    assert "the server speaks no TLS" in (error.hint or "")


async def test_a_server_that_speaks_tls_itself_takes_a_role_by_its_certificate(
    app: App,
    authority: tls.Authority,
    own_server: Callable[..., EmbeddedPostgres],
) -> None:
    server = own_server()
    await _speak_tls(server, authority)
    certificate, key = authority.issue(common_name="certified")
    dsn = (
        f"postgresql://certified@{tls.HOST}:{server.port}/postgres?sslmode=verify-full"
    )
    dsn += f"&sslrootcert={authority.file}"

    with pytest.raises(DatabaseUnusable, match="requires a valid client certificate"):
        await app.migrate(dsn=dsn)
    report = await app.migrate(dsn=f"{dsn}&sslcert={certificate}&sslkey={key}")

    assert versions(report) == ["+0001"]


async def _speak_tls(server: EmbeddedPostgres, authority: tls.Authority) -> None:
    """Turn on TLS, and let the role `certified` in by its certificate alone."""
    data = server.data_directory
    owner = data.stat()
    certificate, key = authority.issue(tls.HOST)
    for source, name in (
        (certificate, "server.crt"),
        (key, "server.key"),
        (authority.file, "root.crt"),
    ):
        (data / name).touch(mode=0o600)
        shutil.copyfile(source, data / name)
        os.chown(data / name, owner.st_uid, owner.st_gid)
    rules = (data / "pg_hba.conf").read_text(encoding="utf-8")
    rule = "hostssl all certified all cert\n"
    (data / "pg_hba.conf").write_text(rule + rules, encoding="utf-8")
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute("CREATE ROLE certified SUPERUSER LOGIN")
        await connection.execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
        await connection.execute("ALTER SYSTEM SET ssl = on")
    except asyncpg.InvalidParameterValueError:
        pytest.skip("this PostgreSQL was built without TLS")
    else:
        await connection.execute("SELECT pg_reload_conf()")

        async def speaks() -> bool:
            return bool(await connection.fetchval("SHOW ssl") == "on")

        await eventually(speaks)
    finally:
        await connection.close()
