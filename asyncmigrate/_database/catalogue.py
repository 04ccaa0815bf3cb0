"""What the catalogue says of the objects that a statement outside a transaction names.

Names are resolved under the script's own search path (`resolve`); everything after
that goes by object id, under the engine's.
"""

from dataclasses import dataclass
from typing import Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._sql.quoting import quote_ident, quote_literal

INDEXES_OF_TABLE: Final[LiteralString] = """
SELECT i.indexrelid, c.relname, i.indisvalid AND i.indisready
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = {oid}
"""

INVALID_OF_NAME: Final[LiteralString] = """
SELECT i.indexrelid
FROM pg_catalog.pg_class AS t
JOIN pg_catalog.pg_class AS c ON c.relnamespace = t.relnamespace
JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE t.oid = {table} AND c.relname = {name} AND NOT (i.indisvalid AND i.indisready)
"""
"""An index is unique by its name within the schema of its table, not within the table."""

LEFTOVERS: Final[LiteralString] = """
SELECT c.oid, n.nspname, c.relname
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND i.indrelid IN (
    SELECT found.oid FROM ({tables}) AS found
    UNION
    SELECT t.reltoastrelid FROM ({tables}) AS found
    JOIN pg_catalog.pg_class AS t ON t.oid = found.oid)
"""
"""What an interrupted REINDEX CONCURRENTLY leaves, on TOAST tables as well."""

TABLES_OF_RELATION: Final[LiteralString] = """
SELECT root.oid FROM (SELECT coalesce((SELECT indrelid FROM pg_catalog.pg_index
  WHERE indexrelid = {oid}), {oid}::pg_catalog.oid)) AS root (oid)
UNION
SELECT tree.relid FROM pg_catalog.pg_partition_tree(coalesce((SELECT indrelid
  FROM pg_catalog.pg_index WHERE indexrelid = {oid}), {oid}::pg_catalog.oid)) AS tree
"""
TABLES_OF_SCHEMA: Final[LiteralString] = """
SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = {oid}
"""
TABLES: Final[LiteralString] = "SELECT oid FROM pg_catalog.pg_class"

TABLE_OF_INDEX: Final[LiteralString] = """
SELECT coalesce(owner.oid, t.oid)
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
LEFT JOIN pg_catalog.pg_class AS owner ON owner.reltoastrelid = t.oid
WHERE i.indexrelid = {oid} AND NOT i.indisvalid
"""

INHERITS: Final[LiteralString] = """
SELECT {pending}
FROM pg_catalog.pg_inherits AS h
WHERE h.inhparent = {parent} AND h.inhrelid = {partition}
"""

NAME_OF: Final[LiteralString] = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = {oid}
"""

SCHEMA: Final[LiteralString] = """
SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = {name}
"""

DATABASE: Final[LiteralString] = """
SELECT oid FROM pg_catalog.pg_database WHERE datname = {name}
"""

TABLESPACE: Final[LiteralString] = """
SELECT oid FROM pg_catalog.pg_tablespace WHERE spcname = {name}
"""

SUBSCRIPTION: Final[LiteralString] = """
SELECT oid FROM pg_catalog.pg_subscription WHERE subname = {name}
  AND subdbid = (SELECT oid FROM pg_catalog.pg_database
                 WHERE datname = pg_catalog.current_database())
"""

PRESENCE: Final = {
    "database": DATABASE,
    "tablespace": TABLESPACE,
    "subscription": SUBSCRIPTION,
}

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation by its unquoted names."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """The qualified name, as SQL writes it."""
        return f"{quote_ident(self.schema)}.{quote_ident(self.name)}"


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


async def is_invalid(session: Session, table: int, index: str) -> bool:
    """Whether CREATE INDEX *index* ON *table* would meet an invalid index."""
    sql = INVALID_OF_NAME.replace("{table}", str(table))
    return bool(await session.ask(sql.replace("{name}", quote_literal(index))))


async def leftovers(session: Session, scope: str, oid: int) -> list[int]:
    """The invalid ``_ccnew`` and ``_ccold`` indexes of a scope, by id.

    *scope* is ``relation`` (an index or a table, its partitions and their TOAST tables
    included), ``schema`` or ``database``.
    """
    tables = {"relation": TABLES_OF_RELATION, "schema": TABLES_OF_SCHEMA}
    sql = LEFTOVERS.replace("{tables}", tables.get(scope, TABLES))
    rows = await session.ask(sql.replace("{oid}", str(oid)))
    return sorted(int(row[0] or 0) for row in rows)


async def relation_of(session: Session, oid: int) -> Relation | None:
    """The names of a relation; null when it is gone."""
    rows = await session.ask(NAME_OF.replace("{oid}", str(oid)))
    return Relation(rows[0][0] or "", rows[0][1] or "") if rows else None


async def name_of(session: Session, oid: int) -> str | None:
    """The quoted, qualified name of a relation; null when it is gone."""
    relation = await relation_of(session, oid)
    return relation.quoted if relation else None


async def table_of_invalid(session: Session, index: int) -> int | None:
    """The table of an invalid index (of a TOAST index its owner's); null when valid."""
    rows = await session.ask(TABLE_OF_INDEX.replace("{oid}", str(index)))
    return int(rows[0][0] or 0) if rows else None


async def await_builders(session: Session, table: str) -> None:
    """Wait until nobody builds an index on *table*; holds nobody up meanwhile.

    The lock is the one that CREATE INDEX CONCURRENTLY takes itself.
    """
    await session.execute(
        f"BEGIN;LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE;COMMIT"
    )


async def drop_index(session: Session, index: str) -> None:
    """Drop an index without holding up its table."""
    await session.execute(f"DROP INDEX CONCURRENTLY {index}")


async def finalise_detach(session: Session, parent: str, partition: str) -> None:
    """Finish a DETACH … CONCURRENTLY that was interrupted."""
    await session.execute(f"ALTER TABLE {parent} DETACH PARTITION {partition} FINALIZE")


async def partition_state(session: Session, parent: int, partition: int) -> str:
    """``attached``, ``pending`` (a detach stands half done) or ``detached``."""
    known = session.server_version >= 14  # noqa: PLR2004 - the first with CONCURRENTLY
    sql = INHERITS.replace("{pending}", "h.inhdetachpending" if known else "false")
    sql = sql.replace("{parent}", str(parent)).replace("{partition}", str(partition))
    rows = await session.ask(sql)
    if not rows:
        return "detached"
    return "pending" if rows[0][0] == "t" else "attached"


async def schema_oid(session: Session, name: str) -> int | None:
    """The id of a schema."""
    rows = await session.ask(SCHEMA.replace("{name}", quote_literal(name)))
    return int(rows[0][0] or 0) if rows else None


async def exists(session: Session, what: str, name: str) -> bool:
    """Whether there is a ``database``, ``tablespace`` or ``subscription`` of a name."""
    sql = PRESENCE[what].replace("{name}", quote_literal(name))
    return bool(await session.ask(sql))
