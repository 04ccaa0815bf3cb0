"""The lock and its lease row: take, look at, give back, and end a dead holder's session.

Mutual exclusion is the advisory lock alone. ``migration_locks`` says who holds it, and
whether they still live. No row lock is held over a round trip.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from asyncmigrate._database.history import literal
from asyncmigrate._database.session import Row, Session
from asyncmigrate._migration import Holder

TAKE: Final[LiteralString] = """
UPDATE {schema}.migration_locks AS held SET
  locked_by = {locked_by}, run_id = {run_id}, locked_at = pg_catalog.clock_timestamp(),
  beat = 0, heartbeat_at = pg_catalog.clock_timestamp(),
  expires_at = pg_catalog.clock_timestamp()
    + pg_catalog.make_interval(secs => {lease_ttl}),
  backend_pid = pg_catalog.pg_backend_pid(),
  backend_start = (SELECT backend_start FROM pg_catalog.pg_stat_get_activity(
    pg_catalog.pg_backend_pid())),
  fencing_token = held.fencing_token + 1, current_version = NULL, progress = NULL
WHERE CASE WHEN held.namespace = {namespace}
           THEN pg_catalog.pg_try_advisory_lock({key}) ELSE false END
RETURNING held.fencing_token, pg_catalog.set_config('synchronous_commit', 'local', true)
"""
"""CASE, because the lock must not be tried for another namespace's row. Neither lock
nor lease outlives this server, so no standby is waited for, and a standby that is gone
costs no lease."""

ADD_ROW: Final[LiteralString] = """
INSERT INTO {schema}.migration_locks (namespace) VALUES ({namespace})
ON CONFLICT (namespace) DO NOTHING
"""

HOLDER: Final[LiteralString] = """
SELECT lease.run_id, lease.locked_by, lease.beat,
       extract(epoch FROM pg_catalog.clock_timestamp()
         OPERATOR(pg_catalog.-) lease.locked_at),
       l.pid, lease.backend_pid, lease.current_version, lease.progress,
       pg_catalog.to_char(lease.locked_at AT TIME ZONE 'UTC',
         'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
       pg_catalog.to_char(lease.heartbeat_at AT TIME ZONE 'UTC',
         'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
       (SELECT state FROM pg_catalog.pg_stat_get_activity(l.pid))
FROM (SELECT pid FROM pg_catalog.pg_locks
      WHERE locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text
        AND database OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database
          WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
        AND classid::pg_catalog.int8 OPERATOR(pg_catalog.=) {classid}::pg_catalog.int8
        AND objid::pg_catalog.int8 OPERATOR(pg_catalog.=) {objid}::pg_catalog.int8
        AND objsubid OPERATOR(pg_catalog.=) 1::pg_catalog.int2 AND granted
      LIMIT 1) AS l
LEFT JOIN {schema}.migration_locks AS lease
  ON lease.namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
"""
"""Whoever holds the key now is the holder; the row says who that is."""

HOLDER_WITHOUT_ROW: Final[LiteralString] = """
SELECT NULL, NULL, NULL, NULL, pid, NULL, NULL, NULL, NULL, NULL, NULL
FROM pg_catalog.pg_locks
WHERE locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text AND granted
  AND classid::pg_catalog.int8 OPERATOR(pg_catalog.=) {classid}::pg_catalog.int8
  AND objid::pg_catalog.int8 OPERATOR(pg_catalog.=) {objid}::pg_catalog.int8
  AND objsubid OPERATOR(pg_catalog.=) 1::pg_catalog.int2
  AND database OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database
    WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
"""

END_HOLDER: Final[LiteralString] = """
SELECT l.pid, activity.wait_event, pg_catalog.pg_terminate_backend(l.pid)
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_get_activity(NULL) AS activity ON activity.pid = l.pid
JOIN {schema}.migration_locks AS lease ON lease.backend_pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid::pg_catalog.int8 = {classid} AND l.objid::pg_catalog.int8 = {objid}
  AND l.database = (SELECT oid FROM pg_catalog.pg_database
                    WHERE datname = pg_catalog.current_database())
  AND lease.namespace = {namespace} AND lease.run_id = {run_id}
  AND lease.beat IS NOT DISTINCT FROM {beat}
  AND ({any_state} OR activity.state LIKE 'idle%')
"""
"""Atomic against a new holder: it ends only the backend that was seen to stand still,
and only while it stands still. A run's own old backend is ended whatever it does."""

RELEASE: Final[LiteralString] = """
BEGIN;
RESET SESSION AUTHORIZATION;
RESET ROLE;
SET search_path = pg_catalog, pg_temp;
SET statement_timeout = 0;
SET synchronous_commit = local;
UPDATE {schema}.migration_locks SET locked_by = NULL, run_id = NULL, locked_at = NULL,
  beat = NULL, heartbeat_at = NULL, expires_at = NULL, backend_pid = NULL,
  backend_start = NULL, current_version = NULL, progress = NULL
WHERE namespace = {namespace} AND run_id = {run_id}
  AND backend_pid = pg_catalog.pg_backend_pid();
SELECT pg_catalog.pg_advisory_unlock_all();
COMMIT;
RESET ALL
"""
"""A cancelled script may have left its role and search path behind. Only the session
that holds the lock clears the lease: another one of the same run must not hide it. A
pooler may hand the backend to others: none of our settings stays on it, but not
before COMMIT, which must wait for no standby."""

WAIT: Final[LiteralString] = """
SELECT pg_catalog.pg_advisory_lock({key})
"""
"""For the heir of a session that is about to let go, and for nobody else."""

WAITS: Final[LiteralString] = """
SELECT pid FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND NOT granted AND objsubid = 1 AND pid = {pid}
  AND classid::pg_catalog.int8 = {classid} AND objid::pg_catalog.int8 = {objid}
"""

HAND_OVER: Final[LiteralString] = """
SET statement_timeout = 0;
SET synchronous_commit = local;
BEGIN;
UPDATE {schema}.migration_locks SET backend_pid = {pid},
  backend_start = (SELECT backend_start FROM pg_catalog.pg_stat_get_activity({pid}))
WHERE namespace = {namespace} AND run_id = {run_id};
COMMIT;
SELECT pg_catalog.pg_advisory_unlock_all()
"""
"""The lease first, and all in one request: a runner that is stopped at any point of it
leaves a holder who can be judged. A lock that is released passes to the first of those
who wait within the server's lock table, so that no ``pg_try_advisory_lock`` ever finds
it free (manual, pg_locks; measured)."""

BEAT: Final[LiteralString] = """
UPDATE {schema}.migration_locks SET
  beat = coalesce(beat, 0) + 1, heartbeat_at = pg_catalog.clock_timestamp(),
  expires_at = pg_catalog.clock_timestamp()
    + pg_catalog.make_interval(secs => {lease_ttl}),
  current_version = {version}, progress = {progress}
WHERE namespace = {namespace} AND run_id = {run_id}
  AND EXISTS (
    SELECT 1 FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid = {pid}
      AND classid::pg_catalog.int8 = {classid} AND objid::pg_catalog.int8 = {objid}
      AND database = (SELECT oid FROM pg_catalog.pg_database
                      WHERE datname = pg_catalog.current_database()))
RETURNING beat, pg_catalog.set_config('synchronous_commit', 'off', true)
"""
"""A beat is one statement, and needs the session's pid to hold the key: a keeper that
reconnected to a promoted standby must not renew a rival's lease (measured)."""

OWNER: Final[LiteralString] = """
SELECT run_id, locked_by FROM {schema}.migration_locks WHERE namespace = {namespace}
"""

UNATTENDED: Final[LiteralString] = """
UPDATE {schema}.migration_locks SET beat = NULL
WHERE namespace = {namespace} AND run_id = {run_id}
"""


def _filled(session: Session, sql: str, **values: str) -> str:
    classid, objid = session.names.key_halves
    for name, value in values.items():
        sql = sql.replace(f"{{{name}}}", value)
    return session.fill(
        sql.replace("{classid}", str(classid)).replace("{objid}", str(objid))
    )


async def take(
    session: Session, *, run_id: str, locked_by: str, lease_ttl: float
) -> int | None:
    """Lock and lease in one statement; the fencing token, or null when it is held."""
    sql = _filled(
        session,
        TAKE,
        run_id=literal(run_id),
        locked_by=literal(locked_by),
        lease_ttl=str(lease_ttl),
    )
    rows = await session.ask(sql)
    return int(rows[0][0] or 0) if rows else None


async def add_row(session: Session) -> None:
    """Make the namespace's row, if it is not there."""
    await session.execute(session.fill(ADD_ROW))


async def read_holder(
    session: Session, *, row: bool = True
) -> tuple[Holder, str] | None:
    """Who holds the lock, and their session's state (empty when it is hidden).

    Null: nobody. With ``row=False`` the tracking tables are not asked. One round trip.
    """
    rows = await session.ask(holder_sql(session, row=row))
    return parse_holder(rows[0]) if rows else None


def holder_sql(session: Session, *, row: bool = True) -> str:
    """The query whose row `parse_holder` understands."""
    return _filled(session, HOLDER if row else HOLDER_WITHOUT_ROW)


def parse_holder(row: Row) -> tuple[Holder, str]:
    """Who holds the lock, and their session's state, from a row of `holder_sql`."""
    pid = int(row[4]) if row[4] else None
    # A row that names another backend belongs to a run that is over.
    known = row[0] is not None and row[4] == row[5]
    holder = Holder(
        run_id=(row[0] or "") if known else "",
        locked_by=(row[1] or "") if known else f"the session with pid {pid}",
        beat=int(row[2]) if known and row[2] is not None else None,
        held_for=float(row[3] or 0) if known else 0.0,
        backend_pid=pid,
        current_version=row[6] if known else None,
        progress=row[7] if known else None,
        locked_at=datetime.fromisoformat(row[8]) if known and row[8] else None,
        heartbeat_at=datetime.fromisoformat(row[9]) if known and row[9] else None,
    )
    return holder, row[10] or ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A backend that was told to end."""

    pid: int
    at_commit: bool
    """Whether its COMMIT waited for a standby: it stands, and waits no longer."""


async def end_holder(
    session: Session, holder: Holder, *, own: bool = False
) -> Ended | None:
    """Tell the backend that was seen to stand still to end; null when it is another.

    Proves nothing: only owning the lock afterwards does. *own*: it is of the very run
    that asks, and ends whatever it does.
    """
    sql = _filled(
        session,
        END_HOLDER,
        run_id=literal(holder.run_id),
        beat=literal(holder.beat),
        any_state="true" if own else "false",
    )
    rows = await session.ask(sql)
    if not rows or rows[0][2] != "t":
        return None
    return Ended(int(rows[0][0] or 0), at_commit=rows[0][1] == "SyncRep")


async def release(session: Session, run_id: str) -> None:
    """Clear the lease and give every lock of the session back. One round trip."""
    first = "ROLLBACK;" if session.in_transaction else ""
    await session.execute(first + _filled(session, RELEASE, run_id=literal(run_id)))


async def wait_for(session: Session) -> None:
    """Return when the lock is this session's. One round trip, which may be long."""
    await session.execute(session.fill(WAIT))


async def is_waiting(session: Session, pid: int) -> bool:
    """Whether the backend *pid* has begun to wait for the lock."""
    return bool(await session.ask(_filled(session, WAITS, pid=str(pid))))


async def hand_over(session: Session, run_id: str, pid: int) -> None:
    """Make the lease that of the backend *pid*, and let go of the lock it waits for."""
    values = {"run_id": literal(run_id), "pid": str(pid)}
    await session.execute(_filled(session, HAND_OVER, **values))


async def unlock(session: Session) -> None:
    """Give the lock back where there is no lease to clear. One round trip."""
    await session.execute("SELECT pg_catalog.pg_advisory_unlock_all()")


async def read_owner(session: Session) -> tuple[str, str] | None:
    """``run_id`` and ``locked_by`` of the lease; null where there is no such row."""
    rows = await session.ask(session.fill(OWNER))
    return (rows[0][0] or "", rows[0][1] or "") if rows else None


async def beat(  # noqa: PLR0913 - what a beat says
    session: Session,
    *,
    run_id: str,
    pid: int,
    lease_ttl: float,
    version: str | None,
    progress: str | None,
) -> bool:
    """Renew the lease; false when the lock is no longer this run's."""
    sql = _filled(
        session,
        BEAT,
        run_id=literal(run_id),
        pid=str(pid),
        lease_ttl=str(lease_ttl),
        version=literal(version),
        progress=literal(progress),
    )
    return bool(await session.ask(sql))


async def mark_unattended(session: Session, run_id: str) -> None:
    """Say in the row that nobody renews this lease, so that nobody judges it."""
    await session.execute(_filled(session, UNATTENDED, run_id=literal(run_id)))
