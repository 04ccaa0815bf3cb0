"""Everything that can happen in a run: one open stream, each event a fact.

An event has a stable, dotted ``name`` and says itself in one plain line (`str`). To
add one, write it here and add it to `Event`; every reader shows it by its line.
Readers must cope with events that they do not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from asyncmigrate._nouns import Blocker, Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """The database does not answer yet; asked again until ``wait_for_database``."""

    name: ClassVar = "connect.waiting"

    error: str
    waited: float
    """Seconds since the first try."""

    def __str__(self) -> str:
        return f"waiting for the database ({self.waited:.0f} s): {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan stands; so many migrations are to run."""

    name: ClassVar = "run.planned"

    run_id: str
    steps: int

    def __str__(self) -> str:
        return f"{self.steps} migration{'s' if self.steps != 1 else ''} to run"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWaiting:
    """Another session holds the lock; this run will ask again."""

    name: ClassVar = "lock.waiting"

    holder: str
    held_for: float
    """Seconds, by the server's clock."""
    waited: float
    """Seconds that this run has been waiting."""
    retry_in: float
    """Seconds until the next try, jitter included."""

    def __str__(self) -> str:
        return (
            f"waiting for the lock: {self.holder} has held it for {self.held_for:.0f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAcquired:
    """The lock is ours."""

    name: ClassVar = "lock.acquired"

    fencing_token: int
    waited: float
    """Seconds between the first try and this one."""

    def __str__(self) -> str:
        return f"lock acquired after {self.waited:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTakenOver:
    """The backend of a dead run was ended, after its lease had run out."""

    name: ClassVar = "lock.taken_over"

    holder: str
    backend_pid: int

    def __str__(self) -> str:
        return f"ended backend {self.backend_pid} of a dead run: {self.holder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattended:
    """No connection was left for the keeper: no lease, no block limit."""

    name: ClassVar = "lease.unattended"

    reason: str

    def __str__(self) -> str:
        return (
            "running unattended (no lease, no block limit): no second connection:"
            f" {self.reason}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost:
    """The session's connection is gone; a new one is tried for."""

    name: ClassVar = "connection.lost"

    error: str
    version: str | None

    def __str__(self) -> str:
        at = f" during {self.version}" if self.version else ""
        return f"connection lost{at}, connecting again: {self.error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStarted:
    """A migration begins, or begins again."""

    name: ClassVar = "migration.started"

    version: str
    title: str
    direction: Direction
    number: int
    total: int
    attempt: int = 1

    def __str__(self) -> str:
        what = "applying" if self.direction is Direction.UP else "rolling back"
        again = f", try {self.attempt}" if self.attempt > 1 else ""
        return f"[{self.number}/{self.total}] {what} {self.version} {self.title}{again}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFinished:
    """One statement of a migration that runs statement by statement is done."""

    name: ClassVar = "statement.finished"

    version: str
    number: int
    total: int
    duration: float
    """Seconds."""

    def __str__(self) -> str:
        return (
            f"{self.version}: statement {self.number} of {self.total}"
            f" done in {self.duration:.2f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLockWaiting:
    """The running statement waits for a lock that others hold."""

    name: ClassVar = "table_lock.waiting"

    version: str
    waited: float
    """Seconds, as the keeper has seen it."""
    blockers: tuple[Blocker, ...]

    def __str__(self) -> str:
        who = "; ".join(map(str, self.blockers))
        return f"{self.version}: waiting {self.waited:.1f} s for a lock held by {who}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRetried:
    """A try was given up and rolled back; the next one comes after a pause."""

    name: ClassVar = "migration.retried"

    version: str
    attempt: int
    of: int
    retry_in: float
    """Seconds until the next try, jitter included."""
    reason: str
    sqlstate: str | None
    blockers: tuple[Blocker, ...] = ()

    def __str__(self) -> str:
        who = "; ".join(map(str, self.blockers))
        by = f" (held by {who})" if who else ""
        return (
            f"{self.version}: try {self.attempt} of {self.of} rolled back:"
            f" {self.reason}{by}; again in {self.retry_in:.1f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OthersBlocked:
    """Other sessions wait for locks that the migration holds."""

    name: ClassVar = "block.watching"

    version: str
    longest: float
    """Seconds that the longest-waiting session has been held up."""
    limit: float | None
    blocked: tuple[Blocker, ...]

    def __str__(self) -> str:
        return (
            f"{self.version}: holding up {len(self.blocked)} session(s),"
            f" the longest for {self.longest:.1f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """The server's own progress view on the running statement."""

    name: ClassVar = "statement.progress"

    version: str
    phase: str
    done: int
    total: int
    """Blocks or tuples, whichever the phase counts; 0 when it counts nothing."""
    waiting_for: tuple[Blocker, ...] = ()
    """Transactions that a CONCURRENTLY statement waits for."""

    def __str__(self) -> str:
        share = f" {100 * self.done // self.total} %" if self.total else ""
        who = "; ".join(map(str, self.waiting_for))
        return f"{self.version}: {self.phase}{share}{' for ' + who if who else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A NOTICE, WARNING or INFO of the server."""

    name: ClassVar = "server.notice"

    version: str | None
    severity: str
    message: str
    sqlstate: str | None = None

    def __str__(self) -> str:
        at = f"{self.version}: " if self.version else ""
        return f"{at}{self.severity}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationApplied:
    """A migration is applied and recorded."""

    name: ClassVar = "migration.applied"

    version: str
    title: str
    duration: float
    """Seconds."""
    number: int
    total: int

    def __str__(self) -> str:
        return (
            f"[{self.number}/{self.total}] applied {self.version} {self.title}"
            f" in {self.duration:.2f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRolledBack:
    """A migration was undone by its DOWN, and that is recorded."""

    name: ClassVar = "migration.rolled_back"

    version: str
    title: str
    duration: float
    """Seconds."""
    number: int
    total: int
    source: str
    """``file`` or ``stored``: where the DOWN came from."""

    def __str__(self) -> str:
        return (
            f"[{self.number}/{self.total}] rolled back {self.version} {self.title}"
            f" in {self.duration:.2f} s (DOWN from the {self.source_words})"
        )

    @property
    def source_words(self) -> str:
        """Where the DOWN came from, in words."""
        return "file" if self.source == "file" else "database"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationErred:
    """A migration failed for good; the error that the call raises says how."""

    name: ClassVar = "migration.failed"

    version: str
    title: str
    error: str
    sqlstate: str | None
    number: int
    total: int

    def __str__(self) -> str:
        first = self.error.splitlines()[0] if self.error else ""
        return f"[{self.number}/{self.total}] failed {self.version}: {first}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The history was written without running anything: baseline, repair, adopt."""

    name: ClassVar = "history.recorded"

    event: str
    version: str | None
    detail: str

    def __str__(self) -> str:
        at = f" {self.version}" if self.version else ""
        return f"{self.event}{at}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that is worth a look, and stops nothing."""

    name: ClassVar = "run.warning"

    message: str

    def __str__(self) -> str:
        return f"warning: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The run is over and the lock released."""

    name: ClassVar = "run.finished"

    applied: int
    rolled_back: int
    duration: float
    """Seconds of the whole run."""

    def __str__(self) -> str:
        if not self.applied and not self.rolled_back:
            return "nothing to do"
        parts = []
        if self.rolled_back:
            parts.append(f"{self.rolled_back} rolled back")
        if self.applied:
            parts.append(f"{self.applied} applied")
        return f"{', '.join(parts)} in {self.duration:.2f} s"


Event: TypeAlias = (
    Connecting
    | Planned
    | LockWaiting
    | LockAcquired
    | LockTakenOver
    | Unattended
    | ConnectionLost
    | MigrationStarted
    | StatementFinished
    | TableLockWaiting
    | MigrationRetried
    | OthersBlocked
    | Progressed
    | Notice
    | MigrationApplied
    | MigrationRolledBack
    | MigrationErred
    | Recorded
    | Warned
    | Finished
)

Emit: TypeAlias = Callable[[Event], None]
"""How a fact is told: synchronous, and it never raises."""
