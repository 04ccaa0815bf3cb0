"""What the catalogue says of the objects that a statement outside a transaction names.

Names are resolved under the script's own search path (`resolve`); everything after
that goes by object id, under the engine's.
"""

from typing import Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._sql.quoting import quote_ident, quote_literal

INDEXES_OF_TABLE: Final[LiteralString] = """
SELECT i.indexrelid, c.relname, i.indisvalid AND i.indisready
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = {oid}
"""

LEFTOVERS: Final[LiteralString] = """
SELECT c.oid, n.nspname, c.relname
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND n.nspname <> 'pg_toast'
"""
"""What an interrupted REINDEX CONCURRENTLY leaves, in the whole database."""

INHERITS: Final[LiteralString] = """
SELECT {pending}
FROM pg_catalog.pg_inherits AS h
WHERE h.inhparent = {parent} AND h.inhrelid = {partition}
"""

NAME_OF: Final[LiteralString] = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = {oid}
"""

DATABASE: Final[LiteralString] = """
SELECT oid FROM pg_catalog.pg_database WHERE datname = {name}
"""

Parts = tuple[str, ...]


async def resolve(session: Session, name: Parts) -> int | None:
    """The id of the relation *name*, under the search path that stands."""
    written = quote_literal(".".join(map(quote_ident, name)))
    rows = await session.ask(
        f"SELECT pg_catalog.to_regclass({written}::pg_catalog.text)::pg_catalog.oid"
    )
    return int(rows[0][0]) if rows[0][0] else None


async def indexes_of(session: Session, table: int) -> dict[int, tuple[str, bool]]:
    """Name and validity of each index of *table*, by id."""
    rows = await session.ask(INDEXES_OF_TABLE.replace("{oid}", str(table)))
    return {int(row[0] or 0): (row[1] or "", row[2] == "t") for row in rows}


async def leftovers(session: Session) -> dict[int, str]:
    """Quoted names of the invalid ``_ccnew`` and ``_ccold`` indexes, by id."""
    rows = await session.ask(LEFTOVERS)
    return {
        int(row[0] or 0): f"{quote_ident(row[1] or '')}.{quote_ident(row[2] or '')}"
        for row in rows
    }


async def name_of(session: Session, oid: int) -> str | None:
    """The quoted, qualified name of a relation; null when it is gone."""
    rows = await session.ask(NAME_OF.replace("{oid}", str(oid)))
    if not rows:
        return None
    return f"{quote_ident(rows[0][0] or '')}.{quote_ident(rows[0][1] or '')}"


async def partition_state(session: Session, parent: int, partition: int) -> str:
    """``attached``, ``pending`` (a detach stands half done) or ``detached``."""
    known = session.server_version >= 14  # noqa: PLR2004 - the first with CONCURRENTLY
    sql = INHERITS.replace("{pending}", "h.inhdetachpending" if known else "false")
    sql = sql.replace("{parent}", str(parent)).replace("{partition}", str(partition))
    rows = await session.ask(sql)
    if not rows:
        return "detached"
    return "pending" if rows[0][0] == "t" else "attached"


async def database_exists(session: Session, name: str) -> bool:
    """Whether there is a database of that name."""
    return bool(await session.ask(DATABASE.replace("{name}", quote_literal(name))))
