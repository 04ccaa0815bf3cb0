"""How far a statement is, from the server's own progress views."""

from dataclasses import dataclass
from typing import Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._migration import Blocker
from asyncmigrate._sql.secrets import without_secrets

PROGRESS: Final[LiteralString] = """
SELECT p.phase, p.done, p.total, a.pid, a.usename, a.application_name,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start), a.query,
       a.state LIKE 'idle in transaction%'
FROM (
  SELECT phase,
         CASE WHEN blocks_total > 0 THEN blocks_done ELSE tuples_done END,
         CASE WHEN blocks_total > 0 THEN blocks_total ELSE tuples_total END,
         current_locker_pid
  FROM pg_catalog.pg_stat_progress_create_index WHERE pid = {pid}
  UNION ALL
  SELECT 'vacuum: ' || phase,
         CASE phase WHEN 'vacuuming heap' THEN heap_blks_vacuumed
                    ELSE heap_blks_scanned END,
         heap_blks_total, 0
  FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = {pid}
  UNION ALL
  SELECT lower(command) || ': ' || phase, heap_blks_scanned, heap_blks_total, 0
  FROM pg_catalog.pg_stat_progress_cluster WHERE pid = {pid}
  UNION ALL
  SELECT 'analysing: ' || phase, sample_blks_scanned, sample_blks_total, 0
  FROM pg_catalog.pg_stat_progress_analyze WHERE pid = {pid}
  {copy}
) AS p (phase, done, total, locker)
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.locker AND p.locker <> 0
"""
"""One row at most: a backend runs one of these commands at a time (PostgreSQL manual,
"Progress Reporting")."""

COPY_PROGRESS: Final[LiteralString] = """
  UNION ALL
  SELECT 'copying: ' || tuples_processed || ' rows', bytes_processed, bytes_total, 0
  FROM pg_catalog.pg_stat_progress_copy WHERE pid = {pid}
"""

COPY_KNOWN: Final = 14
"""The first server that tells how far a COPY is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementProgress:
    """One sample."""

    phase: str
    done: int
    total: int
    waiting_for: tuple[Blocker, ...]

    @property
    def share(self) -> str:
        """In words; empty when the phase counts nothing."""
        return f"{100 * self.done // self.total} %" if self.total else ""


async def read_progress(session: Session, pid: int) -> StatementProgress | None:
    """How far backend *pid* is; null where the server does not tell. One round trip."""
    copy = COPY_PROGRESS if session.server_version >= COPY_KNOWN else ""
    sql = PROGRESS.replace("{copy}", copy).replace("{pid}", str(pid))
    rows = await session.ask(sql)
    if not rows:
        return None
    row = rows[0]
    waiting = (
        (
            Blocker(
                pid=int(row[3]),
                user=row[4],
                application=row[5] or None,
                seconds=float(row[6]) if row[6] else None,
                query=row[7] and without_secrets(row[7]),
                idle=row[8] == "t",
            ),
        )
        if row[3]
        else ()
    )
    return StatementProgress(
        phase=row[0] or "",
        done=int(row[1] or 0),
        total=int(row[2] or 0),
        waiting_for=waiting,
    )
