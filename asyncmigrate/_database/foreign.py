"""The history tables of other tools: found, and read.

Nothing here writes to them. Only plain tables whose rows are all to be seen may be
read, since a view or a policy would run somebody else's code as us; that is decided in
`_plan`. Where no session of ours is settled yet, every name and operator is qualified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._foreign import Brief, OldRow, SeenTable
from asyncmigrate._sql.quoting import qualified, quote_literal

CANDIDATES: Final[LiteralString] = """
SELECT n.nspname, c.relname, c.relkind, pg_catalog.row_security_active(c.oid),
       a.attname, pg_catalog.format_type(a.atttypid, NULL)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a
  ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND c.relname = ANY (ARRAY[{tables}]::pg_catalog.name[])
  AND n.nspname <> {tracking} AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
ORDER BY n.nspname, c.relname, a.attnum
"""

ADOPTION: Final[LiteralString] = """
SELECT newest.detail, c.relkind, pg_catalog.row_security_active(c.oid)
FROM (SELECT detail,
        pg_catalog.substring(detail, ': [0-9]+ rows? of (.+), blake2b:') AS relation
      FROM {schema}.migration_events
      WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
        AND event OPERATOR(pg_catalog.=) 'adopt'::pg_catalog.text
      ORDER BY id DESC LIMIT 1) AS newest
LEFT JOIN pg_catalog.pg_class AS c
  ON c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(newest.relation)::pg_catalog.oid
"""
"""The newest adoption, and what the table that it names is by now."""

UNDONE_SINCE: Final[LiteralString] = """
SELECT version_key, pg_catalog.to_char(pg_catalog.max(rolled_back_at) AT TIME ZONE 'UTC',
       'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')
FROM {schema}.schema_migrations
WHERE namespace = {namespace} AND origin = 'adopt' AND rolled_back_at IS NOT NULL
GROUP BY version_key
"""


def _utc(column: LiteralString) -> LiteralString:
    """A time as ISO 8601 in UTC; one without a zone is in that of this session."""
    return (
        "pg_catalog.to_char(" + column + "::pg_catalog.timestamptz AT TIME ZONE 'UTC',"
        ' \'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"\')'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Of one tool's table, the expression for each field of `OldRow`."""

    key: LiteralString
    order: LiteralString
    label: LiteralString = "''"
    checksum: LiteralString = "NULL"
    at: LiteralString = "NULL"
    by: LiteralString = "NULL"
    took: LiteralString = "NULL"
    state: LiteralString = "'applied'"
    kind: LiteralString = "''"

    @property
    def rows(self) -> LiteralString:
        """The query for everything, in the tool's own order."""
        return (
            "SELECT " + self.key + ", coalesce(" + self.label + ", ''), "
            + self.checksum + ", " + self.at + ", " + self.by + ", " + self.took + ", "
            + self.state + ", " + self.kind + " FROM {table} AS t ORDER BY " + self.order
        )  # fmt: skip

    @property
    def brief(self) -> LiteralString:
        """The query for what `digest` is made of; it needs no search path."""
        return (
            "SELECT " + self.key + ", " + self.kind + ", " + self.state
            + " FROM {table} AS t"
        )  # fmt: skip


READS: Final[Mapping[str, Columns]] = {
    "golang-migrate": Columns(
        key="version",
        state="CASE WHEN dirty THEN 'dirty' ELSE 'applied' END",
        order="version",
    ),
    "goose": Columns(
        key="version_id",
        at=_utc("tstamp"),
        state="CASE WHEN is_applied THEN 'applied' ELSE 'undone' END",
        order="id",
    ),
    "dbmate": Columns(key="version", order='version COLLATE "C"'),
    "rails": Columns(
        key="version", order="pg_catalog.lpad(version, 255, '0') COLLATE \"C\""
    ),
    "sqlx": Columns(
        key="version",
        label="description",
        checksum="pg_catalog.encode(checksum, 'hex')",
        at=_utc("installed_on"),
        took="CASE WHEN execution_time >= 0 THEN execution_time / 1000000 END",
        state="CASE WHEN success THEN 'applied' ELSE 'dirty' END",
        order="version",
    ),
    "flyway": Columns(
        key="coalesce(version, '')",
        label="description",
        checksum="checksum",
        at=_utc("installed_on"),
        by="installed_by",
        took="execution_time",
        state="CASE WHEN success THEN 'applied' ELSE 'failed' END",
        kind="type",
        order="installed_rank",
    ),
    "diesel": Columns(key="version", at=_utc("run_on"), order='version COLLATE "C"'),
    "prisma": Columns(
        key="migration_name",
        checksum="checksum",
        at=_utc("finished_at"),
        took="(extract(epoch FROM finished_at - started_at) * 1000)::pg_catalog.int8",
        state="CASE WHEN rolled_back_at IS NOT NULL THEN 'rolled back'"
        " WHEN finished_at IS NULL THEN 'failed' ELSE 'applied' END",
        order='migration_name COLLATE "C", started_at',
    ),
    "sql-migrate": Columns(key="id", at=_utc("applied_at"), order='id COLLATE "C"'),
    "supabase": Columns(key="version", label="name", order='version COLLATE "C"'),
    "graphile-migrate": Columns(
        key="filename", checksum="hash", at=_utc("date"), order='filename COLLATE "C"'
    ),
    "sqitch": Columns(
        key="change",
        # An upgrade of the tool's own tables filled script_hash with change_id.
        checksum="NULLIF(script_hash, change_id)",
        at=_utc("committed_at"),
        by="committer_name",
        kind="project",
        order="committed_at, planned_at",
    ),
    "alembic": Columns(key="version_num", order='version_num COLLATE "C"'),
    "yoyo": Columns(
        key="migration_id",
        at=_utc("(applied_at_utc AT TIME ZONE 'UTC')"),
        order='migration_id COLLATE "C"',
    ),
    "tern": Columns(key="version", order="version"),
}
"""Of each tool, how its table is read."""


async def find_tables(session: Session, names: Sequence[str]) -> list[SeenTable]:
    """Every table of one of these names, but for our own. One round trip."""
    sql = CANDIDATES.replace("{tables}", ", ".join(map(quote_literal, names)))
    tracking = quote_literal(session.names.tracking_schema)
    found: dict[tuple[str, str], SeenTable] = {}
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for row in await session.ask(sql.replace("{tracking}", tracking)):
        schema, name = row[0] or "", row[1] or ""
        types = columns.setdefault((schema, name), {})
        if row[4] is not None:
            types[row[4]] = row[5] or ""
        found[schema, name] = SeenTable(
            schema=schema,
            name=name,
            kind=row[2] or "",
            secured=row[3] == "t",
            columns=types,
        )
    return list(found.values())


async def read_rows(
    session: Session, tool: str, schema: str, table: str
) -> tuple[OldRow, ...]:
    """Every row of the tool's table, in the tool's order. One round trip."""
    sql = READS[tool].rows.replace("{table}", qualified(schema, table))
    return tuple(
        OldRow(
            key=row[0] or "",
            label=row[1] or "",
            checksum=row[2],
            applied_at=row[3],
            applied_by=row[4],
            execution_time_ms=int(row[5]) if row[5] is not None else None,
            state=row[6] or "",
            kind=row[7] or "",
        )
        for row in await session.ask(sql)
    )


async def read_brief(
    session: Session, tool: str, schema: str, table: str
) -> list[Brief]:
    """What the digest is made of. One round trip, on a session as it comes."""
    sql = READS[tool].brief.replace("{table}", qualified(schema, table))
    return [
        (key or "", kind or "", state or "")
        for key, kind, state in await session.ask(sql)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of the newest adoption, and what the catalogue shows today."""

    detail: str
    kind: str | None
    """What the table is; null when it is gone."""
    secured: bool


async def read_undone(session: Session) -> dict[str, str]:
    """What was taken over and lost its standing since, and when. One round trip."""
    rows = await session.ask(session.fill(UNDONE_SINCE))
    return {key or "": at or "" for key, at in rows}


async def read_adoption(session: Session) -> Kept | None:
    """The newest adoption of this namespace. One round trip, on any session."""
    rows = await session.ask(session.fill(ADOPTION))
    if not rows:
        return None
    detail, kind, secured = rows[0]
    return Kept(detail=detail or "", kind=kind, secured=secured == "t")
