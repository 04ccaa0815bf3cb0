"""schema_migrations: what was applied, when, by whom.

Rows are never deleted. A version stands while ``rolled_back_at`` is null, and at most
one row of a version stands: a partial unique index holds that, not this code.
Nothing here waits or retries; that is `_engine`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, LiteralString

from asyncmigrate._database.session import Row, Session
from asyncmigrate._database.tables import only_ours
from asyncmigrate._foreign import Elsewhere
from asyncmigrate._migration import (
    Applied,
    Definition,
    Direction,
    History,
    Kind,
    MigrationFile,
    RowOrigin,
    State,
)
from asyncmigrate._sql.quoting import quote_literal
from asyncmigrate._version import __version__

LOOK: Final[LiteralString] = """
SELECT id, kind, version, version_key, name, file, file_sha256, checksum,
       token_checksum, down_checksum, direction, state, statements_done,
       statements_total, origin, run_id,
       (SELECT pg_catalog.row_security_active({relation}::pg_catalog.text)),
       pg_catalog.strpos(before_image, '"uncertain"') OPERATOR(pg_catalog.>) 0,
       rolled_back_at IS NULL
FROM {schema}.schema_migrations
WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
  AND (rolled_back_at IS NULL OR kind OPERATOR(pg_catalog.=) 'repeatable'::pg_catalog.text)
UNION ALL
SELECT layout, NULL, min_reader::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       pg_catalog.row_security_active({relation}::pg_catalog.text), NULL, NULL
FROM {schema}.meta
ORDER BY 1
"""

STATUS: Final[LiteralString] = """
SELECT id, applied_at, execution_time_ms
FROM {schema}.schema_migrations
WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
  AND rolled_back_at IS NULL
"""

TRAIL: Final[LiteralString] = """
SELECT pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
       what, version, name, actor, run_id, release, execution_time_ms, detail
FROM (
  SELECT coalesce(applied_at, started_at) AS at, id, 1 AS part,
         CASE WHEN state OPERATOR(pg_catalog.<>) 'applied'::pg_catalog.text
              THEN pg_catalog.concat(direction, ' ', state)
              WHEN origin OPERATOR(pg_catalog.<>) 'run'::pg_catalog.text THEN origin
              ELSE 'up' END AS what,
         version, name, applied_by AS actor, run_id, release, execution_time_ms,
         error AS detail
  FROM {schema}.schema_migrations
  WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
  UNION ALL
  SELECT rolled_back_at, id, 2, 'down', version, name, rolled_back_by, run_id, NULL,
         NULL, NULL
  FROM {schema}.schema_migrations
  WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
    AND rolled_back_at IS NOT NULL
  UNION ALL
  SELECT at, id, 3, event, version, NULL, actor, run_id, NULL, NULL, detail
  FROM {schema}.migration_events
  WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
) AS trail
ORDER BY at, part, id
"""
"""Like all that is only read, under whatever search path there is: a pooler may hand
the backend to others, so a reader sets nothing."""

SCRIPTS: Final[LiteralString] = """
SELECT checksum, script FROM {schema}.migration_scripts
WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
  AND checksum OPERATOR(pg_catalog.=) ANY (ARRAY[{checksums}]::pg_catalog.text[])
"""

BEFORE_IMAGE: Final[LiteralString] = """
SELECT before_image, error FROM {schema}.schema_migrations WHERE id = {id}
"""


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look saw."""

    history: History
    layout: int
    min_reader: int
    row_security: bool


async def look(session: Session) -> Looked:
    """History and layout. One round trip, with SELECT alone and no search path."""
    rows = await session.ask(look_sql(session), provided=only_ours(session))
    return parse_look(rows)


def look_sql(session: Session) -> str:
    """The query whose rows `parse_look` understands."""
    relation = quote_literal(f"{session.names.schema}.schema_migrations")
    return session.fill(LOOK.replace("{relation}", relation))


def parse_look(rows: Sequence[Row]) -> Looked:
    """History and layout, from the rows of `look_sql`."""
    meta = [row for row in rows if row[1] is None]
    layout, min_reader = (
        (int(meta[0][0] or 0), int(meta[0][2] or 0)) if meta else (0, 0)
    )
    secured = any(row[16] == "t" for row in rows)
    versioned: list[Applied] = []
    newest: dict[str, Applied] = {}
    for row in rows:
        if row[1] is None:
            continue
        applied = _applied(row)
        if applied.kind is Kind.VERSIONED:
            versioned.append(applied)
        elif row[18] == "t":
            newest[applied.version_key] = applied
        else:
            # Undone since: the rows before it do not stand up again.
            newest.pop(applied.version_key, None)
    history = History(
        rows=tuple(sorted(versioned, key=lambda row: row.order)),
        repeatables=tuple(sorted(newest.values(), key=lambda row: row.version_key)),
        exists=True,
    )
    return Looked(history, layout, min_reader, secured)


def _applied(row: Row) -> Applied:
    return Applied(
        id=int(row[0] or 0),
        kind=Kind(row[1] or ""),
        version=row[2] or "",
        version_key=row[3] or "",
        name=row[4] or "",
        file=row[5] or "",
        file_sha256=row[6],
        checksum=row[7],
        token_checksum=row[8],
        down_checksum=row[9],
        direction=Direction(row[10] or ""),
        state=State(row[11] or ""),
        statements_done=int(row[12] or 0),
        statements_total=int(row[13] or 0),
        origin=RowOrigin(row[14] or ""),
        run_id=row[15] or "",
        undecided=row[17] == "t",
    )


def parse_times(
    rows: Sequence[Row],
) -> Mapping[int, tuple[datetime | None, int | None]]:
    """``applied_at`` and ``execution_time_ms`` of each row of `STATUS`, by id."""
    return {
        int(row[0] or 0): (
            datetime.fromisoformat(row[1]) if row[1] else None,
            int(row[2]) if row[2] is not None else None,
        )
        for row in rows
    }


async def read_trail(session: Session) -> list[Row]:
    """The audit trail, oldest first: nine texts a row, times in UTC."""
    return await session.ask(session.fill(TRAIL))


async def read_scripts(session: Session, checksums: set[str]) -> Mapping[str, str]:
    """The stored texts of *checksums*, as far as they are stored."""
    listed = ", ".join(quote_literal(checksum) for checksum in sorted(checksums))
    sql = SCRIPTS.replace("{checksums}", listed)
    rows = await session.ask(session.fill(sql))
    return {row[0] or "": row[1] or "" for row in rows}


async def read_before_image(
    session: Session, row_id: int
) -> tuple[str | None, str | None]:
    """``before_image`` and ``error`` of one row."""
    sql = BEFORE_IMAGE.replace("{id}", str(row_id))
    rows = await session.ask(session.fill(sql))
    return (rows[0][0], rows[0][1]) if rows else (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Whose run writes a row."""

    run_id: str
    fencing_token: int
    release: str | None


def literal(value: str | float | None) -> str:
    """*value* as SQL."""
    if value is None:
        return "NULL"
    return quote_literal(value) if isinstance(value, str) else str(value)


def insert_row(  # noqa: PLR0913 - the columns of a row
    session: Session,
    file: MigrationFile,
    definition: Definition | None,
    mark: Mark,
    *,
    state: State = State.APPLIED,
    origin: RowOrigin = RowOrigin.RUN,
    direction: Direction = Direction.UP,
    statements_done: int = 0,
    statements_total: int = 0,
    before_image: str | None = None,
    elsewhere: Elsewhere | None = None,
) -> str:
    """The INSERT of one history row; times are the server's, of this transaction.

    But what was done *elsewhere* keeps the time, the user and the duration of then.
    """
    applied = state is State.APPLIED
    took = (
        "(extract(epoch FROM pg_catalog.clock_timestamp()"
        " - pg_catalog.transaction_timestamp()) * 1000)::pg_catalog.int8"
    )
    values = {
        "namespace": session.names.namespace,
        "kind": literal(file.kind),
        "version": literal(file.label),
        "version_key": literal(file.key),
        "name": literal(file.name),
        "file": literal(file.file),
        "file_sha256": literal(file.file_sha256 or None),
        "checksum": literal(definition.checksum if definition else None),
        "token_checksum": literal(definition.token_checksum if definition else None),
        "down_checksum": literal(definition.down_checksum if definition else None),
        "direction": literal(direction),
        "state": literal(state),
        "statements_done": str(statements_done),
        "statements_total": str(statements_total),
        "before_image": literal(before_image),
        "started_at": "pg_catalog.transaction_timestamp()",
        "applied_at": "pg_catalog.clock_timestamp()" if applied else "NULL",
        "execution_time_ms": took if applied and origin is RowOrigin.RUN else "NULL",
        "origin": literal(origin),
        "run_id": literal(mark.run_id),
        "release": literal(mark.release),
        "tool_version": literal(__version__),
        "fencing_token": str(mark.fencing_token),
    }
    if elsewhere is not None:
        values |= _done_elsewhere(elsewhere)
    # A column less is 2 µs less, of a hundred; null is the default of all of these.
    values = {name: value for name, value in values.items() if value != "NULL"}
    return (
        f"INSERT INTO {session.names.schema}.schema_migrations ({', '.join(values)})"
        f" VALUES ({', '.join(values.values())})"
    )


def _done_elsewhere(elsewhere: Elsewhere) -> dict[str, str]:
    """The columns of what another tool has done; a time that it does not tell is null."""
    took = elsewhere.execution_time_ms
    at = f"{literal(elsewhere.applied_at)}::pg_catalog.timestamptz"
    values = {"applied_at": at, "execution_time_ms": literal(took)}
    if elsewhere.applied_at is not None:
        values["started_at"] = (
            f"{at} - pg_catalog.make_interval(secs => {(took or 0) / 1000})"
        )
    if elsewhere.applied_by:
        values["applied_by"] = literal(elsewhere.applied_by)
    return values


def store_script(session: Session, checksum: str, script: str) -> str:
    """The INSERT that keeps a text once."""
    return (
        f"INSERT INTO {session.names.schema}.migration_scripts"
        f" (namespace, checksum, script) VALUES ({session.names.namespace},"
        f" {literal(checksum)}, {literal(script)}) ON CONFLICT DO NOTHING"
    )


def roll_back_row(session: Session, row_id: int) -> str:
    """The UPDATE that takes a row's standing away; one that has none is an error."""
    # 1/count(*): an UPDATE of nothing must fail, not pass (division_by_zero).
    return (
        f"WITH gone AS (UPDATE {session.names.schema}.schema_migrations"
        " SET rolled_back_at = pg_catalog.clock_timestamp(),"
        " rolled_back_by = session_user, direction = 'down', state = 'applied'"
        f" WHERE id = {row_id} AND rolled_back_at IS NULL RETURNING 1)"
        " SELECT 1 / count(*) FROM gone"
    )


def supersede_row(session: Session, row_id: int) -> str:
    """The UPDATE that sets a half-done row aside before its version is recorded."""
    return (
        f"UPDATE {session.names.schema}.schema_migrations"
        " SET rolled_back_at = pg_catalog.clock_timestamp(),"
        f" rolled_back_by = session_user WHERE id = {row_id}"
        " AND rolled_back_at IS NULL"
    )


def set_columns(
    session: Session, row_id: int, columns: Mapping[str, str | int | None]
) -> str:
    """The UPDATE of some columns of one standing row."""
    pairs = ", ".join(f"{name} = {literal(value)}" for name, value in columns.items())
    return (
        f"UPDATE {session.names.schema}.schema_migrations SET {pairs}"
        f" WHERE id = {row_id} AND rolled_back_at IS NULL"
    )


class Ending(StrEnum):
    """What an update of a row says besides its columns."""

    APPLIED = "applied"
    """The migration is done now."""
    UNDONE = "undone"
    """Its DOWN is done: the row loses its standing."""
    SET_ASIDE = "set aside"
    """Nothing of it stands: the row loses its standing."""


_ENDINGS: Final[Mapping[Ending, tuple[str, ...]]] = {
    Ending.APPLIED: (
        "state = 'applied'",
        "applied_at = pg_catalog.clock_timestamp()",
        (
            "execution_time_ms = (extract(epoch FROM pg_catalog.clock_timestamp()"
            " - started_at) * 1000)::pg_catalog.int8"
        ),
    ),
    Ending.UNDONE: (
        "state = 'applied'",
        "direction = 'down'",
        "rolled_back_at = pg_catalog.clock_timestamp()",
        "rolled_back_by = session_user",
    ),
    Ending.SET_ASIDE: (
        "rolled_back_at = pg_catalog.clock_timestamp()",
        "rolled_back_by = session_user",
    ),
}


def update_if_locked(
    session: Session,
    row_id: int,
    columns: Mapping[str, str | int | None],
    *,
    run_id: str,
    ending: Ending | None = None,
) -> str:
    """The UPDATE of one row that does nothing when the lock is somebody else's.

    The lock may have been lost and be free again: the lease tells who had it last.
    """
    pairs = [f"{name} = {literal(value)}" for name, value in columns.items()]
    pairs += _ENDINGS[ending] if ending else ()
    schema = session.names.schema
    return (
        f"UPDATE {schema}.schema_migrations SET {', '.join(pairs)}"
        f" WHERE CASE WHEN id = {row_id} AND rolled_back_at IS NULL"
        f" THEN pg_catalog.pg_try_advisory_xact_lock({session.names.key})"
        f" AND EXISTS (SELECT 1 FROM {schema}.migration_locks WHERE namespace ="
        f" {session.names.namespace} AND run_id = {literal(run_id)})"
        " ELSE false END RETURNING id"
    )


def insert_event(
    session: Session, run_id: str, event: str, version: str | None, detail: str
) -> str:
    """The INSERT of one line of the audit trail."""
    return (
        f"INSERT INTO {session.names.schema}.migration_events"
        f" (namespace, run_id, event, version, detail) VALUES"
        f" ({session.names.namespace}, {literal(run_id)}, {literal(event)},"
        f" {literal(version)}, {literal(detail)})"
    )
