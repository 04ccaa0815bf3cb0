"""The nouns that events, results and errors share with everything else.

Apart from `_migration`, since a start with nothing to do needs no more than these.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Direction(StrEnum):
    """Which way a migration goes."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the lock of a namespace, as the lock row tells it."""

    run_id: str
    locked_by: str
    beat: int | None
    """Counts the lease's renewals; null while nobody renews it."""
    held_for: float
    """Seconds, by the server's clock."""
    backend_pid: int | None
    current_version: str | None
    progress: str | None
    locked_at: datetime | None = None
    heartbeat_at: datetime | None = None

    def __str__(self) -> str:
        what = self.locked_by
        if self.current_version:
            what += f", at {self.current_version}"
        if self.progress:
            what += f" ({self.progress})"
        return what


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A session that stands in another one's way."""

    pid: int
    user: str | None
    application: str | None
    seconds: float | None
    """How long its transaction has been open, or how long it has been waiting."""
    query: str | None
    lock: str | None = None
    """The relation and mode it waits for, where that is known."""
    idle: bool = False
    """Whether it does nothing with its transaction open; the query is its last one."""

    @property
    def verb(self) -> str:
        """What stands before the query."""
        return "idle in transaction since" if self.idle else "running"

    @property
    def who(self) -> str:
        """The session, its user and its application."""
        who = [f"pid {self.pid}"]
        if self.user:
            who.append(f"user {self.user}")
        if self.application:
            who.append(f"application {self.application}")
        return ", ".join(who)

    def __str__(self) -> str:
        who = [self.who]
        if self.seconds is not None:
            who.append(f"for {self.seconds:.1f} s")
        if self.lock:
            who.append(self.lock)
        if self.query:
            who.append(f"{self.verb} {' '.join(self.query.split())[:120]!r}")
        return ", ".join(who)
