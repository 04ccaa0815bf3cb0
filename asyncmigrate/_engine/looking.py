"""The look: what the history says, with every way of not seeing it told apart.

Missing rights, a missing table and row security are never taken for an empty history.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from asyncmigrate._database import history, tables
from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.history import Looked
from asyncmigrate._database.session import Session
from asyncmigrate._database.settled import LAYOUT, TABLES
from asyncmigrate._migration import History
from asyncmigrate.errors import (
    DatabaseUnusable,
    PrivilegeMissing,
    TrackingLayoutTooNew,
    TrackingSchemaUnsafe,
)

_NO_COLUMN: Final = "42703"
_NOT_OURS: Final = "22012"
"""How `only_ours` says that a table is another role's."""

NOTHING_THERE: Final = Looked(History(), 0, 0, row_security=False)
"""What a database without tracking tables shows."""


T = TypeVar("T")


async def look(session: Session) -> Looked:
    """Read the history; one round trip when all is well.

    Raises:
        DatabaseUnusable: it cannot be read; see `look_by`.
    """
    seen = await look_by(session, history.look)
    return NOTHING_THERE if seen is None else require_readable(session, seen)


async def look_by(session: Session, ask: Callable[[Session], Awaitable[T]]) -> T | None:
    """What *ask* reads of the tracking tables; null when there are none.

    Raises:
        PrivilegeMissing: this role may not read the tracking tables.
        TrackingSchemaUnsafe: a table is missing, or runs code of others.
    """
    schema = session.names.schema
    try:
        return await ask(session)
    except StatementFailed as failure:
        if failure.sqlstate == _NOT_OURS and not session.knows_tables:
            await _require_harmless(session)
            return await look_by(session, ask)
        if failure.sqlstate == "42501":
            message = (
                f"this role may not read the history: {failure.message};"
                " nothing was changed"
            )
            raise PrivilegeMissing(
                message,
                sqlstate=failure.sqlstate,
                hint=f"`GRANT USAGE ON SCHEMA {schema} TO …` and"
                f" `GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO …`,"
                " or list the role in `readers`",
            ) from failure
        if failure.sqlstate not in {"42P01", "3F000", _NO_COLUMN}:
            message = f"the history cannot be read: {failure.message}"
            raise DatabaseUnusable(
                message,
                sqlstate=failure.sqlstate,
            ) from failure
        present = await tables.existing_tables(session)
        if present == set(TABLES) and failure.sqlstate != _NO_COLUMN:
            # Another first run has made them, all at once, since the look failed.
            return await look_by(session, ask)
        if present:
            absent = ", ".join(sorted(set(TABLES) - present)) or "a column"
            message = (
                f"the tracking schema {schema} is incomplete: {absent} is missing;"
                " nothing was changed"
            )
            raise TrackingSchemaUnsafe(
                message,
                hint="restore it from a backup, or use another `tracking_schema`",
            ) from failure
        return None


async def _require_harmless(session: Session) -> None:
    """Refuse tables of another role that run code of theirs when they are read.

    Raises:
        TrackingSchemaUnsafe: with their names.
    """
    found = await tables.code_of_others(session)
    if found:
        message = (
            f"reading the tracking schema {session.names.schema} would run somebody"
            f" else's code as this role: {', '.join(found)}; nothing was changed"
        )
        raise TrackingSchemaUnsafe(
            message,
            hint="look at who made that schema, and at its views, policies, types and"
            " index expressions; read as their owner, or drop them",
        )
    session.knows_tables = True


def require_readable(session: Session, seen: Looked) -> Looked:
    """Refuse a history that is not the whole of it, or not ours to read.

    Raises:
        TrackingSchemaUnsafe: row security hides rows, or ``meta`` is empty.
        TrackingLayoutTooNew: a newer release laid the tables out.
    """
    schema = session.names.schema
    if seen.row_security:
        message = (
            f"row security hides rows of {schema}.schema_migrations from this role;"
            " nothing was changed"
        )
        raise TrackingSchemaUnsafe(
            message,
            hint=f"`ALTER TABLE {schema}.schema_migrations DISABLE ROW LEVEL SECURITY`",
        )
    if seen.layout == 0:
        message = f"the tracking schema {schema} has lost its `meta` row"
        raise TrackingSchemaUnsafe(message, hint="restore it from a backup")
    if seen.min_reader > LAYOUT:
        raise TrackingLayoutTooNew(
            schema=schema, layout=seen.layout, min_reader=seen.min_reader
        )
    return seen
