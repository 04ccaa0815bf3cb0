"""Other sessions: who blocks whom, and what a backend is doing.

Asked by the keeper on a connection of its own, whose search path is pg_catalog.
"""

from dataclasses import dataclass
from typing import Final

from asyncmigrate._database.session import Session
from asyncmigrate._migration import Blocker
from asyncmigrate._sql.secrets import without_secrets

BLOCKERS: Final = """
SELECT a.pid, a.usename, a.application_name,
       extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start,
         a.state_change))::pg_catalog.text,
       CASE b.pid WHEN 0 THEN 'a prepared transaction, see pg_prepared_xacts'
       ELSE a.query END, NULL, a.state LIKE 'idle in transaction%'
FROM (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids({pid}))) AS b (pid)
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
WHERE a.pid IS NOT NULL OR b.pid = 0
"""

BLOCKED: Final = """
SELECT w.pid, a.usename, a.application_name,
       extract(epoch FROM pg_catalog.clock_timestamp() - w.since)::pg_catalog.text,
       a.query,
       w.mode || coalesce(' on ' || w.relation::pg_catalog.regclass::pg_catalog.text, '')
         || coalesce(' against our ' || (
              SELECT string_agg(DISTINCT held.mode, ', ')
              FROM pg_catalog.pg_locks AS held
              WHERE held.pid = {pid} AND held.granted AND held.mode ~ 'Exclusive|ShareLock'
                AND held.relation = w.relation AND held.database = w.database), ''),
       false
FROM (SELECT DISTINCT ON (pid) pid, mode, database, relation, {since} AS since
      FROM pg_catalog.pg_locks
      WHERE NOT granted AND pid <> {pid} ORDER BY pid) AS w
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = w.pid
WHERE {pid} = ANY (pg_catalog.pg_blocking_pids(w.pid))
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND a.usesysid IS NOT NULL
  AND coalesce(a.application_name, '') NOT LIKE 'asyncmigrate%'
"""
"""Who waits for the session's locks. Autovacuum gives way by itself, and has no user:
its type is hidden from ordinary roles. Runs of ours wait because they mean to."""

SINCE: Final = 14
"""The first server that tells since when a lock has been waited for."""


async def read_blockers(session: Session, pid: int) -> tuple[Blocker, ...]:
    """Who stands in the way of backend *pid*. One round trip."""
    return await _seen(session, BLOCKERS.replace("{pid}", str(pid)))


async def read_blocked(session: Session, pid: int) -> tuple[Blocker, ...]:
    """Whom backend *pid* holds up, and for how long where the server tells. One round trip."""
    known = session.server_version >= SINCE
    since = "waitstart" if known else "NULL::pg_catalog.timestamptz"
    sql = BLOCKED.replace("{pid}", str(pid)).replace("{since}", since)
    return await _seen(session, sql)


async def _seen(session: Session, sql: str) -> tuple[Blocker, ...]:
    return tuple(
        Blocker(
            pid=int(row[0] or 0),
            user=row[1],
            application=row[2] or None,
            seconds=float(row[3]) if row[3] else None,
            query=row[4] and without_secrets(row[4]),
            lock=row[5],
            idle=row[6] == "t",
        )
        for row in await session.ask(sql)
    )


IS_EXCLUSIVE: Final = """
SELECT 1 FROM pg_catalog.pg_locks
WHERE pid = {pid} AND locktype = 'relation' AND mode = 'AccessExclusiveLock'
"""


async def is_exclusive(session: Session, pid: int) -> bool:
    """Whether backend *pid* has, or waits for, a table for itself. One round trip."""
    return bool(await session.ask(IS_EXCLUSIVE.replace("{pid}", str(pid))))


CANCEL: Final = "SELECT pg_catalog.pg_cancel_backend({pid})"
TERMINATE: Final = "SELECT pg_catalog.pg_terminate_backend({pid})"
SESSION_STATE: Final = """
SELECT state, state_change::pg_catalog.text, wait_event
FROM pg_catalog.pg_stat_activity WHERE pid = {pid}
"""


async def cancel_backend(session: Session, pid: int) -> bool:
    """Cancel what backend *pid* runs. One round trip."""
    return (await session.ask(CANCEL.replace("{pid}", str(pid))))[0][0] == "t"


async def terminate_backend(session: Session, pid: int) -> bool:
    """End backend *pid*. One round trip."""
    return (await session.ask(TERMINATE.replace("{pid}", str(pid))))[0][0] == "t"


@dataclass(frozen=True, slots=True)
class BackendState:
    """What a backend is doing, as far as this role may see it."""

    state: str | None
    since: str | None
    """When it began to, by the server's clock: every request that arrives changes it."""
    waits_for: str | None
    """The wait event, as the server names it."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, in a transaction or not."""
        return (self.state or "").startswith("idle")

    @property
    def waits_for_rows(self) -> bool:
        """Whether it is at work, and its client must send something first."""
        return self.state == "active" and self.waits_for == "ClientRead"

    @property
    def obeys_cancel(self) -> bool:
        """Whether a cancel would end what it does: not while it reads a COPY's rows."""
        return self.state == "active" and self.waits_for != "ClientRead"


async def read_state(session: Session, pid: int) -> BackendState | None:
    """What backend *pid* is doing; null when it is gone. One round trip."""
    rows = await session.ask(SESSION_STATE.replace("{pid}", str(pid)))
    return BackendState(rows[0][0], rows[0][1], rows[0][2]) if rows else None
