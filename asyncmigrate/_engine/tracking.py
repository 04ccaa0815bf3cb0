"""The tracking schema, before a run's first write: safe to write to, or made."""

from typing import Final

from asyncmigrate._database import tables
from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._database.transaction import roll_back
from asyncmigrate._engine.context import Run
from asyncmigrate._version import __version__
from asyncmigrate.errors import PrivilegeMissing, TrackingSchemaUnsafe

LATER: Final = frozenset({"55P03", "57014", "40001", "40P01"})
"""Somebody sits on what we need, as an administrator's open transaction may."""


async def require_safe(session: Session) -> None:
    """Refuse tables through which somebody else could run code, or forge the history.

    Raises:
        TrackingSchemaUnsafe: with every point that speaks against them.
    """
    points = await tables.unsafe_points(session)
    if points:
        message = (
            f"the tracking schema {session.names.schema} must not be written to:"
            f" {'; '.join(points)}; nothing was changed"
        )
        raise TrackingSchemaUnsafe(
            message,
            hint="someone else could run code as this role or forge the history; give"
            f" the schema and its tables to this role (`ALTER SCHEMA"
            f" {session.names.schema} OWNER TO …`, `ALTER TABLE … OWNER TO …`), drop"
            " triggers and rules, REVOKE what others may write; or run as the owner",
        )


async def make_tables(session: Session, run: Run) -> None:
    """Make the tracking schema; one that stands already is taken when it is safe.

    Raises:
        PrivilegeMissing: this role may not make it.
        TrackingSchemaUnsafe: it belongs to somebody else, or something is in the way.
        StatementFailed: one of `LATER`; another try may succeed.
    """
    try:
        await tables.lock_layout(session, run.settings.lease_ttl)
        present = await tables.existing_tables(session)
        if present:
            await roll_back(session)
            await require_safe(session)
            return
        # An empty schema may have been made for a role that may not make one itself.
        made = await tables.schema_exists(session)
        if made:
            await require_safe(session)
        await tables.create_layout(
            session, __version__, run.settings.readers, with_schema=not made
        )
    except StatementFailed as failure:
        await roll_back(session)
        if failure.sqlstate in LATER:
            raise
        if failure.sqlstate == "42501":
            message = (
                f"this role may not make the tracking schema: {failure.message};"
                " nothing was changed"
            )
            raise PrivilegeMissing(
                message,
                sqlstate=failure.sqlstate,
                hint="`GRANT CREATE ON DATABASE … TO …`, or let an administrator run"
                f" `CREATE SCHEMA {session.names.schema} AUTHORIZATION …`",
            ) from failure
        message = (
            f"the tracking schema could not be made: {failure.message};"
            " nothing was changed"
        )
        raise TrackingSchemaUnsafe(
            message,
            sqlstate=failure.sqlstate,
            hint="an event trigger or a neighbour's object stands in the way",
        ) from failure
