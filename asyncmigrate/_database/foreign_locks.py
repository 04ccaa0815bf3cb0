"""The locks of other tools, taken as they take them, and who holds them.

Two of them, tried and never waited for: the tool's advisory keys, for as long as the
session has them, and its tables, exclusively, for as long as the transaction is open.
A tool without a key of its own is held up by its table alone.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, LiteralString

from asyncmigrate._database.session import Row, Session
from asyncmigrate._migration import Blocker
from asyncmigrate._sql.quoting import qualified, quote_literal

TRY_KEYS: Final[LiteralString] = """
SELECT wanted.key, pg_catalog.pg_try_advisory_lock(wanted.key)
FROM (VALUES {keys}) AS wanted (key)
"""

GIVE_BACK: Final[LiteralString] = """
SELECT pg_catalog.pg_advisory_unlock(wanted.key) FROM (VALUES {keys}) AS wanted (key)
"""

KEY_HOLDERS: Final[LiteralString] = """
SELECT l.pid, a.usename, a.application_name, extract(epoch FROM
       pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.state_change))
FROM pg_catalog.pg_locks AS l
JOIN (VALUES {keys}) AS wanted (key)
  ON l.classid::pg_catalog.int8 = ((wanted.key >> 32) & 4294967295)
 AND l.objid::pg_catalog.int8 = (wanted.key & 4294967295)
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
  AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_catalog.pg_database
                    WHERE datname = pg_catalog.current_database())
"""

TABLE_HOLDERS: Final[LiteralString] = """
SELECT DISTINCT l.pid, a.usename, a.application_name, extract(epoch FROM
       pg_catalog.clock_timestamp() - coalesce(a.xact_start, a.state_change))
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_catalog.pg_database
                    WHERE datname = pg_catalog.current_database())
  AND l.relation = ANY (ARRAY[{tables}]::pg_catalog.regclass[]::pg_catalog.oid[])
"""

LOCK_TABLES: Final[LiteralString] = """
BEGIN ISOLATION LEVEL READ COMMITTED;
LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE NOWAIT
"""
"""Not to be queued for: whoever comes after a queued ACCESS EXCLUSIVE waits as well.
Exclusive against readers too, since a tool that works in one transaction has done
nothing to the table but read it when it begins."""

DATABASE: Final[LiteralString] = "SELECT pg_catalog.current_database()"

LOCK_TABLES_OF: Final = {"goose": "goose_lock", "yoyo": "yoyo_lock"}
"""The tables of tools that lock by a row."""

LOCK_ROWS: Final[Mapping[str, LiteralString]] = {
    "goose": "SELECT coalesce(locked_by, '') FROM {table}"
    " WHERE locked AND lease_expires_at > pg_catalog.clock_timestamp()",
    "yoyo": "SELECT 'process ' || pid FROM {table}",
}
"""Who is in them."""


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())


def _golang_migrate(database: str, schema: str, table: str) -> tuple[int, ...]:
    # Opened by URL, the tool takes the database's name with the slash before it;
    # older releases left the table out.
    names = (f"{schema}\0{table}\0", f"{schema}\0")
    return tuple(
        _crc(f"{prefix}{slash}{database}") * 1486364155 & 0xFFFF_FFFF
        for prefix in names
        for slash in ("/", "")
    )


def _flyway(_: str, schema: str, table: str) -> tuple[int, ...]:
    hashed = 0
    # Java's String.hashCode, over UTF-16.
    units = f'"{schema}"."{table}"'.encode("utf-16-be")
    for high, low in zip(units[::2], units[1::2], strict=True):
        hashed = (31 * hashed + (high << 8 | low)) & 0xFFFF_FFFF
    return (0x466C79776179 + hashed - ((hashed & 0x8000_0000) << 1),)


KEYS: Final[Mapping[str, Callable[[str, str, str], tuple[int, ...]]]] = {
    "golang-migrate": _golang_migrate,
    "goose": lambda *_: (4097083626,),
    "sqlx": lambda database, *_: (0x3D32AD9E * _crc(database),),
    "flyway": _flyway,
    "prisma": lambda *_: (72707369,),
    "graphile-migrate": lambda *_: (4727445306447283,),
    "sqitch": lambda *_: (75474063,),
    "rails": lambda database, *_: (2053462845 * _crc(database),),
    "tern": lambda *_: (9628173550095224,),
}
"""Of each tool that has one, its advisory lock; database, schema and table in."""


async def lock_keys(
    session: Session, tool: str, schema: str, table: str
) -> tuple[int, ...]:
    """The advisory keys under which *tool* works; none for most. One round trip."""
    keys = KEYS.get(tool)
    if keys is None:
        return ()
    database = (await session.ask(DATABASE))[0][0] or ""
    return keys(database, schema, table)


async def try_keys(session: Session, keys: Sequence[int]) -> bool:
    """Take all of the keys, or none of them. At most two round trips."""
    if not keys:
        return True
    rows = await session.ask(TRY_KEYS.replace("{keys}", _values(keys)))
    taken = [int(row[0] or 0) for row in rows if row[1] == "t"]
    if len(taken) < len(keys):
        await give_back(session, taken)
    return len(taken) == len(keys)


async def give_back(session: Session, keys: Sequence[int]) -> None:
    """Release keys that were taken. One round trip."""
    if keys:
        await session.ask(GIVE_BACK.replace("{keys}", _values(keys)))


async def read_key_holders(session: Session, keys: Sequence[int]) -> list[Blocker]:
    """Who holds the keys. One round trip."""
    return _seen(await session.ask(KEY_HOLDERS.replace("{keys}", _values(keys))))


def _values(keys: Sequence[int]) -> str:
    return ", ".join(f"(({key})::pg_catalog.int8)" for key in keys)


async def lock_tables(session: Session, tables: Sequence[tuple[str, str]]) -> None:
    """Open a transaction that alone may touch these tables. One round trip.

    Raises:
        StatementFailed: lock_not_available, when one of them is in use.
    """
    names = ", ".join(qualified(schema, name) for schema, name in tables)
    await session.execute(LOCK_TABLES.replace("{tables}", names))


async def read_table_holders(
    session: Session, tables: Sequence[tuple[str, str]]
) -> list[Blocker]:
    """Who uses these tables. One round trip."""
    names = (quote_literal(qualified(schema, name)) for schema, name in tables)
    return _seen(await session.ask(TABLE_HOLDERS.replace("{tables}", ", ".join(names))))


def _seen(rows: Sequence[Row]) -> list[Blocker]:
    return [
        Blocker(
            pid=int(row[0] or 0),
            user=row[1],
            application=row[2] or None,
            seconds=float(row[3]) if row[3] else None,
            query=None,
        )
        for row in rows
    ]


async def read_row_holders(session: Session, tool: str, schema: str) -> list[str]:
    """Who has locked by a row, as such a tool does. One round trip."""
    table = qualified(schema, LOCK_TABLES_OF[tool])
    rows = await session.ask(LOCK_ROWS[tool].replace("{table}", table))
    return [row[0] or "" for row in rows]
