"""What server is this, and is the session fit to migrate it?"""

from dataclasses import dataclass
from typing import Final, LiteralString

from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._sql.quoting import quote_ident

SOUND: Final[LiteralString] = """
SELECT pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_setting('transaction_read_only'),
       pg_catalog.pg_backend_pid(),
       session_user,
       current_user,
       pg_catalog.current_database(),
       pg_catalog.current_setting('session_replication_role')
"""

TIMELINE: Final[LiteralString] = """
SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),
       pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)
"""
"""The control file still shows the old timeline right after a promotion (measured)."""

OUR_SETTINGS: Final = {
    "statement_timeout": "0",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "row_security": "on",
    "standard_conforming_strings": "on",
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""What a role may carry is cleared, and the server is told to notice a dead client.
Set over pg_settings, since older servers and poolers refuse unknown names."""


KNOWN: Final[LiteralString] = """
SELECT known.name FROM pg_catalog.pg_settings AS known
WHERE known.name OPERATOR(pg_catalog.=) ANY (ARRAY[{names}]::pg_catalog.text[])
"""
"""Nothing is set here: of settings that a server before 14 reports to its client in the
middle of a COPY, the driver drops the rows that came before (asyncpg 0.32, measured)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the session is connected to."""

    standby: bool
    read_only: bool
    backend_pid: int
    session_user: str
    current_user: str
    database: str
    replica_role: bool
    """Whether triggers and foreign keys are off for this session."""


async def settle(session: Session) -> None:
    """Put our settings and search path in place. Two round trips.

    What this server knows of them is remembered: pg_settings is asked once a session,
    since one look at it costs as much as a whole migration (0.45 ms, measured). From
    then on each is a SET, since a SELECT of as many calls costs three times as much.
    """
    names = ", ".join(f"'{name}'" for name in OUR_SETTINGS)
    rows = await session.ask(KNOWN.replace("{names}", names))
    known = {row[0] for row in rows}
    session.settings_sql = "".join(
        f"SET {name} = '{value}';"
        for name, value in OUR_SETTINGS.items()
        if name in known
    )
    await session.execute(session.settings_sql + SEARCH_PATH)


async def read_server(session: Session) -> Server:
    """What the session is connected to. One round trip."""
    row = (await session.ask(SOUND))[0]
    return Server(
        standby=row[0] == "t",
        read_only=row[1] == "on",
        backend_pid=int(row[2] or 0),
        session_user=row[3] or "",
        current_user=row[4] or "",
        database=row[5] or "",
        replica_role=row[6] == "replica",
    )


READ_ONLY_SOURCE: Final[LiteralString] = """
SELECT source FROM pg_catalog.pg_settings
WHERE name OPERATOR(pg_catalog.=) 'default_transaction_read_only'::pg_catalog.text
"""


async def how_to_write(session: Session, here: Server) -> str:
    """What rids this session of ``default_transaction_read_only``. One round trip."""
    source = (await session.ask(READ_ONLY_SOURCE))[0][0] or ""
    role, database = quote_ident(here.session_user), quote_ident(here.database)
    whose = {
        "user": f"ROLE {role}",
        "database": f"DATABASE {database}",
        "database user": f"ROLE {role} IN DATABASE {database}",
    }.get(source)
    if whose is not None:
        return f"`ALTER {whose} RESET default_transaction_read_only`"
    if source == "client":
        return "take `default_transaction_read_only` out of the DSN or PGOPTIONS"
    return (
        "the server's configuration sets `default_transaction_read_only`; for this role"
        f" alone: `ALTER ROLE {role} SET default_transaction_read_only = off`"
    )


async def hold_backend(session: Session) -> int:
    """The process id of the backend, kept by a transaction that stays open.

    Two round trips.
    """
    await session.execute("BEGIN READ ONLY")
    return int((await session.ask("SELECT pg_catalog.pg_backend_pid()"))[0][0] or 0)


async def begin_reading(session: Session) -> None:
    """Begin a transaction that resolves names as ours do. One round trip."""
    await session.execute("BEGIN READ ONLY;SET LOCAL search_path = pg_catalog, pg_temp")


async def let_backend_go(session: Session) -> None:
    """End the transaction of `hold_backend` or `begin_reading`. One round trip."""
    await session.execute("ROLLBACK")


async def read_timeline(session: Session) -> tuple[str, str] | None:
    """System identifier and WAL timeline; null where the server does not tell."""
    try:
        row = (await session.ask(TIMELINE))[0]
    except StatementFailed:
        return None
    return row[0] or "", row[1] or ""
