"""How far a statement is, from the server's own progress views."""

from dataclasses import dataclass
from typing import Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._migration import Blocker

INDEX_PROGRESS: Final[LiteralString] = """
SELECT p.phase,
       CASE WHEN p.blocks_total > 0 THEN p.blocks_done ELSE p.tuples_done END,
       CASE WHEN p.blocks_total > 0 THEN p.blocks_total ELSE p.tuples_total END,
       a.pid, a.usename, a.application_name,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start), a.query
FROM pg_catalog.pg_stat_progress_create_index AS p
LEFT JOIN pg_catalog.pg_stat_activity AS a
  ON a.pid = p.current_locker_pid AND p.current_locker_pid <> 0
WHERE p.pid = {pid}
"""


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
    """How far backend *pid* is with an index; null when it builds none."""
    rows = await session.ask(INDEX_PROGRESS.replace("{pid}", str(pid)))
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
                query=row[7],
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
