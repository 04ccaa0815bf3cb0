"""Opening a connection: one try, and what became of it."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Final

import anyio
import asyncpg

from asyncmigrate._database.address import Address
from asyncmigrate._database.failures import describe
from asyncmigrate._database.session import Names, Session
from asyncmigrate._settings import Connect
from asyncmigrate.errors import (
    DatabaseUnreachable,
    DatabaseUnusable,
    InvalidSetting,
    PrivilegeMissing,
)


class NotYet(DatabaseUnreachable):
    """The database does not answer yet, or takes nobody more; it may later."""


_REFUSALS: Mapping[str, tuple[type[DatabaseUnusable], str]] = {
    "28P01": (DatabaseUnusable, "check user and password"),
    "28000": (DatabaseUnusable, "check user, host and pg_hba.conf"),
    "3D000": (DatabaseUnusable, "create the database first: `CREATE DATABASE …`"),
    "42501": (PrivilegeMissing, "grant CONNECT on the database to this role"),
    "08P01": (DatabaseUnusable, "a pooler refused the connection; use a direct URL"),
}

_CERTIFICATE: Final = (
    "`sslrootcert` names the file of the authority that signed it; with"
    " `sslmode=verify-full` it must be for the very host of the DSN, too"
)
_NO_TLS: Final = "rejected SSL upgrade"
"""In what the driver says of a server that speaks no TLS."""
_TLS: Final = (
    "the server speaks no TLS: set it up there (`ssl = on`), or, where the network is"
    " trusted, ask for none with `sslmode=disable`"
)

_PEM: Final = (
    "one of the files that `sslrootcert`, `sslcert`, `sslkey` or `sslcrl` names is not in"
    " PEM format, or certificate and key are no pair"
)


async def open_session(
    address: Address, names: Names, connect: Connect | None, application: str
) -> Session:
    """Connect once.

    Raises:
        NotYet: nobody answered, or there was no slot; asking again may help.
        DatabaseUnusable: it answered, and asking again will not help.
        InvalidSetting: the DSN asks for something that does not exist.
    """
    where = "the database of `connect=`" if connect else address.shown
    try:
        if connect is not None:
            session = Session(await connect(), names)
        else:
            session = Session(await _dial(address, application), names)
    except asyncpg.PostgresError as error:
        raise _refused(error, where, address) from error
    except ssl.SSLCertVerificationError as error:
        message = (
            f"cannot connect to {where}: its certificate is not to be trusted:"
            f" {error.verify_message}"
        )
        raise DatabaseUnusable(message, hint=_CERTIFICATE) from error
    except asyncpg.InterfaceError as error:
        message = f"cannot connect to {where}: {address.scrubbed(describe(error))}"
        raise InvalidSetting(
            message,
            hint="check the DSN and the PG* variables",
        ) from error
    except (OSError, TimeoutError, asyncpg.InternalClientError) as error:
        message = f"cannot connect to {where}: {address.scrubbed(describe(error))}"
        if _NO_TLS in str(error):
            raise DatabaseUnusable(message, hint=_TLS) from error
        if isinstance(error, ssl.SSLError) and _is_of_a_file(error):
            raise InvalidSetting(message, hint=_PEM) from error
        raise NotYet(
            message,
            hint="check host and port, or wait for it with `wait_for_database`",
        ) from error
    except ValueError as error:
        # Raised while the DSN is read; its text may repeat a piece of it.
        message = "the DSN cannot be read"
        raise InvalidSetting(
            message, hint="percent-encode user and password"
        ) from error
    session.keep_alive()
    return session


def _is_of_a_file(error: ssl.SSLError) -> bool:
    """Whether our own certificates could not be read, rather than theirs."""
    return error.library in {"PEM", "X509"} or "PEM lib" in str(error)


HANDSHAKE: Final = 0.3
"""Seconds that a connect which is cancelled is given to come to its end."""


async def _dial(address: Address, application: str) -> "asyncpg.Connection[Any]":
    """Connect; cancelled, within `HANDSHAKE` and without a trace.

    The driver, when it is cancelled between TCP and TLS, leaves an error behind that
    nobody retrieves and the loop complains of (measured).
    """
    settings = {"application_name": application, **address.server_settings}
    connecting = asyncio.ensure_future(
        asyncpg.connect(
            address.dsn,
            service=address.service,
            servicefile=address.service_file,
            timeout=address.timeout,
            statement_cache_size=0,
            server_settings=settings,
        )
    )
    try:
        connection: asyncpg.Connection[Any] = await asyncio.shield(connecting)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await asyncio.wait([connecting], timeout=HANDSHAKE)
            connecting.cancel()
            await asyncio.wait([connecting])
        if not connecting.cancelled() and connecting.exception() is None:
            connecting.result().terminate()
        raise
    return connection


def _refused(
    error: asyncpg.PostgresError, where: str, address: Address
) -> DatabaseUnusable:
    sqlstate = error.sqlstate or ""
    message = f"cannot connect to {where}: {address.scrubbed(describe(error))}"
    if sqlstate[:2] == "57" or sqlstate in {"53300", "08006", "08001", "08003"}:
        return NotYet(
            message,
            sqlstate=sqlstate,
            hint="raise `max_connections`, or end idle sessions"
            if sqlstate == "53300"
            else "wait for it with `wait_for_database`",
        )
    kind, hint = _REFUSALS.get(sqlstate, (DatabaseUnusable, None))
    return kind(message, sqlstate=sqlstate, hint=hint)
