"""The text of one migration's transaction: what stands before and after the script.

One simple query carries resets, BEGIN, limits, script, proof, history row and COMMIT:
0.06 ms more than a bare loop; over ten round trips twice as long (measured).

A false verdict makes ``lock_timeout`` an invalid value: error 22023 with our own words,
which needs no plpgsql. The key is held a second time at transaction level, so that it
can be proved at the end that the script did not release the session's: unlock must
succeed, and nobody can slip in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._sql.quoting import quote_ident

RESETS: Final = (
    "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;CLOSE ALL;UNLISTEN *;"
    "DEALLOCATE ALL;DISCARD TEMP;DISCARD SEQUENCES;"
)
"""Everything that a script can leave behind and the server can undo, but for advisory
locks, which the proof looks after. ``DISCARD ALL`` would give our lock away."""

_LOST: Final = "asyncmigrate: the lock was lost"
_ENDED: Final = "asyncmigrate: the script ended its transaction"
_RELEASED: Final = "asyncmigrate: the script released the lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one transaction may take, in seconds; 0 is for ever."""

    lock_timeout: float
    statement_timeout: float
    role: str | None


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000)) if seconds else 0}ms"


def titled(file: str) -> str:
    """A comment in front of a query, so that pg_stat_activity says whose it is.

    Of a long query it shows the first kilobyte alone, which resets and limits fill.
    """
    shown = file.replace("*/", "").replace("/*", "")
    return f"/* asyncmigrate: {shown} */ "


def resets(session: Session) -> str:
    """The session put back as it was, with our settings."""
    return f"{RESETS}{session.settings_sql}"


def soft_resets(session: Session) -> str:
    """The settings put back as they were; what the session made stays with it.

    Between two statements of one script: a temporary table must outlive the first.
    """
    return "RESET SESSION AUTHORIZATION;RESET ROLE;RESET ALL;" + session.settings_sql


def ourselves() -> str:
    """The login role and the engine's search path, for the engine's own statements."""
    return f"RESET SESSION AUTHORIZATION;RESET ROLE;{SEARCH_PATH}"


def set_role(role: str) -> str:
    """The session under another role, until it is reset."""
    return f"SET ROLE {quote_ident(role)};"


def limits_again(session: Session, limits: Limits) -> str:
    """Our settings and the limits, after a RESET ALL inside a transaction."""
    return (
        f"{session.settings_sql}"
        f"SELECT pg_catalog.set_config('lock_timeout', '{_ms(limits.lock_timeout)}',"
        " true), pg_catalog.set_config('statement_timeout',"
        f" '{_ms(limits.statement_timeout)}', true)"
    )


def begin(session: Session, limits: Limits, modes: str = "") -> str:
    """BEGIN, the key at transaction level, the limits, and our transaction noted.

    Whatever stands before it in the same query is committed first: an implicit
    transaction keeps the isolation level and the READ ONLY with which it began, what
    UNLISTEN gave up, and takes no modes after its first query (measured).
    """
    return f"BEGIN;COMMIT;BEGIN {modes};{limits_sql(session, limits)}"


def limits_sql(session: Session, limits: Limits) -> str:
    """What `begin` does in the transaction that it has begun."""
    key = session.names.key
    role = f"SET LOCAL ROLE {quote_ident(limits.role)};" if limits.role else ""
    return (
        "SELECT pg_catalog.set_config('lock_timeout', CASE WHEN"
        f" pg_catalog.pg_try_advisory_xact_lock({key}) THEN '{_ms(limits.lock_timeout)}'"
        f" ELSE '{_LOST}' END, true),"
        f" pg_catalog.set_config('statement_timeout',"
        f" '{_ms(limits.statement_timeout)}', true),"
        " pg_catalog.set_config('asyncmigrate.transaction',"
        f" pg_catalog.pg_current_xact_id()::pg_catalog.text, true);{role}"
    )


def session_limits(limits: Limits) -> str:
    """The limits for a statement outside a transaction."""
    return (
        f"SELECT pg_catalog.set_config('lock_timeout', '{_ms(limits.lock_timeout)}',"
        " false), pg_catalog.set_config('statement_timeout',"
        f" '{_ms(limits.statement_timeout)}', false)"
    )


def session_lock_limit(limits: Limits) -> str:
    """The limit on lock waits alone, for a statement outside a transaction."""
    return (
        f"SELECT pg_catalog.set_config('lock_timeout', '{_ms(limits.lock_timeout)}',"
        " false);"
    )


def prove(session: Session, *, xid: str | None = None) -> str:
    """Constraints checked, the session ours again, transaction and lock proved ours.

    *xid*, where the client kept it, stands in for the setting that a script's RESET
    ALL has cleared.
    """
    key = session.names.key
    noted = f"'{xid}'" if xid else "current_setting('asyncmigrate.transaction', true)"
    return (
        "\n;SET CONSTRAINTS ALL IMMEDIATE;RESET SESSION AUTHORIZATION;RESET ROLE;"
        # Now, since the next query's text is converted when it arrives (measured).
        "RESET client_encoding;"
        "SET LOCAL search_path = pg_catalog, pg_temp;"
        # One after the other, which is what a CASE is for (PostgreSQL manual, 4.2.14).
        # Whatever the verdict, the lock is ours again: what became of it is recorded.
        f"SELECT set_config('lock_timeout', CASE WHEN {noted} IS DISTINCT FROM"
        f" pg_current_xact_id_if_assigned()::text THEN {_taken(key, _ENDED)}"
        f" WHEN NOT pg_advisory_unlock({key}) THEN {_taken(key, _RELEASED)}"
        f" WHEN pg_advisory_unlock_all()::text IS NULL THEN '{_LOST}'"
        f" ELSE {_taken(key, '5s')} END, true);"
    )


def _taken(key: str, verdict: str) -> str:
    """The verdict, once the session holds the lock."""
    return f"CASE WHEN pg_try_advisory_lock({key}) THEN '{verdict}' ELSE '{_LOST}' END"


async def keep_lock(session: Session) -> bool | None:
    """Prove that the session still holds the lock, after what no transaction held.

    True: it does. False: it had let go of it, and holds it again. Null: the lock is
    somebody else's. Under the key at transaction level nobody can slip in between.
    One round trip.
    """
    key = session.names.key
    took = f"CASE WHEN pg_catalog.pg_try_advisory_lock({key})"
    rows = await session.ask(
        f"SELECT CASE WHEN NOT pg_catalog.pg_try_advisory_xact_lock({key}) THEN 'lost'"
        f" WHEN pg_catalog.pg_advisory_unlock({key})"
        f" THEN {took} THEN 'kept' ELSE 'lost' END"
        f" ELSE {took} THEN 'taken' ELSE 'lost' END END"
    )
    return {"kept": True, "taken": False}.get(rows[0][0] or "")


CURRENT_XID: Final = "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text"


async def current_xid(session: Session) -> str:
    """The id of the open transaction. One round trip."""
    return (await session.ask(CURRENT_XID))[0][0] or ""


async def was_committed(session: Session, xid: str) -> bool:
    """Whether a transaction of this session's, which is over, stands. One round trip."""
    query = f"SELECT pg_catalog.pg_xact_status('{xid}'::pg_catalog.xid8)"
    return (await session.ask(query))[0][0] == "committed"


_NO_TRANSACTION: Final = "25P01"


async def roll_back(session: Session, *, keep_session: bool = False) -> None:
    """End whatever transaction is open, without a word where there is none.

    *keep_session*: temporary tables and the like stay, for the script's next try.
    """
    put_back = soft_resets(session) if keep_session else resets(session)
    with session.hushed(_NO_TRANSACTION):
        await session.execute(f"ROLLBACK;{put_back}{SEARCH_PATH}")


async def nothing(session: Session) -> None:
    """A statement that does nothing, for a late cancel to strike. One round trip.

    An empty query would do, but asyncpg 0.32 takes its answer for an error.
    """
    await session.execute("SELECT 1")


async def commit(session: Session) -> None:
    """End the open transaction well. One round trip."""
    await session.execute("COMMIT")


async def save(session: Session) -> None:
    """Set the savepoint to which `back_to_saved` goes; the last one is let go."""
    await session.execute("SAVEPOINT asyncmigrate")


async def back_to_saved(session: Session) -> None:
    """Undo what came after the savepoint, and let it go. One round trip."""
    await session.execute(
        "ROLLBACK TO SAVEPOINT asyncmigrate;RELEASE SAVEPOINT asyncmigrate"
    )


async def write_locked(session: Session, statements: Sequence[str]) -> None:
    """Send *statements* as one transaction that needs the lock. One round trip.

    A transaction that is open already is that one, and is committed.

    Raises:
        StatementFailed: division_by_zero, when the lock is somebody else's.
    """
    begin = "" if session.in_transaction else "BEGIN;"
    await session.execute(
        f"{begin}{SEARCH_PATH};"
        f"SELECT 1 / (pg_try_advisory_xact_lock({session.names.key}))::int4;"
        f"{';'.join(statements)};COMMIT"
    )


def escaped(failure: StatementFailed) -> bool:
    """Whether the proof found that the script ended its transaction."""
    return _verdict_is(_ENDED, failure)


def released(failure: StatementFailed) -> bool:
    """Whether the proof found that the script released the lock."""
    return _verdict_is(_RELEASED, failure)


def lock_lost(failure: StatementFailed) -> bool:
    """Whether the key was not ours any more when the transaction began."""
    return _verdict_is(_LOST, failure)


def _verdict_is(verdict: str, failure: StatementFailed) -> bool:
    return failure.sqlstate == "22023" and verdict in failure.unveiled
