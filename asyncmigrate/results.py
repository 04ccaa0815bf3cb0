"""What a call returns: values only, the same in the library and in the JSON document.

A status here is a word of the contract; words are only ever added.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import overload

from asyncmigrate._nouns import Direction, Holder


class Outcome(StrEnum):
    """What became of one migration in this run; also its word in JSON."""

    APPLIED = "applied"
    ROLLED_BACK = "rolled_back"
    SKIPPED = "skipped"
    """Planned, not done: a dry run, or undone with its single transaction."""
    FAILED = "failed"

    @property
    def stands(self) -> bool:
        """Whether the database has it: it was done, and not undone with others."""
        return self in {Outcome.APPLIED, Outcome.ROLLED_BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResult:
    """What one run did with one migration."""

    version: str
    """As its file writes it; a repeatable's path."""
    name: str
    direction: Direction
    status: Outcome
    duration: float = 0.0
    """Seconds, of the attempt that counted; lock timeouts before it are not in it."""
    attempts: int = 1
    error: str | None = None
    sql: str | None = None
    """What ran, or would run. Null for Python migrations."""
    file: str | None = None
    source: str = "file"
    """``file``, or ``stored`` when a DOWN came from the database."""

    @property
    def execution_time_ms(self) -> int:
        """`duration` as the history table and the JSON document carry it."""
        return round(self.duration * 1000)


@dataclass(frozen=True, slots=True)
class MigrationReport(Sequence[MigrationResult]):
    """Everything that one run did, in order; a sequence of `MigrationResult`."""

    results: tuple[MigrationResult, ...] = ()
    run_id: str | None = None
    """Null when the run had nothing to do and so was never one."""
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
    details: dict[str, object] = field(default_factory=dict)
    """What a command adds of its own, such as the rows that `repair` wrote."""

    @overload
    def __getitem__(self, index: int) -> MigrationResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[MigrationResult, ...]: ...
    def __getitem__(
        self, index: int | slice
    ) -> MigrationResult | tuple[MigrationResult, ...]:
        return self.results[index]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[MigrationResult]:
        return iter(self.results)


class Standing(StrEnum):
    """How a migration stands; also its word in JSON."""

    APPLIED = "applied"
    PENDING = "pending"
    MISSING = "missing"
    MODIFIED = "modified"
    AHEAD = "ahead"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """How one migration stands."""

    version: str
    name: str
    status: Standing
    applied_at: datetime | None = None
    execution_time_ms: int | None = None
    file: str | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a database stands against a directory of migrations."""

    namespace: str
    migrations: tuple[MigrationStatus, ...]
    lock: Holder | None
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Every conflict, in a sentence each; `migrate` would refuse while there is one."""

    @property
    def applied(self) -> int:
        """How many stand applied, those ahead of the files included."""
        standing = {Standing.APPLIED, Standing.AHEAD, Standing.MODIFIED}
        return sum(m.status in standing for m in self.migrations)

    @property
    def pending(self) -> int:
        """How many are still to be applied."""
        return sum(m.status is Standing.PENDING for m in self.migrations)

    @property
    def last_applied(self) -> str | None:
        """The highest applied version, as it is written."""
        done = {Standing.APPLIED, Standing.AHEAD, Standing.MODIFIED}
        versions = [
            m.version for m in self.migrations if m.status in done and not m.repeatable
        ]
        return versions[-1] if versions else None

    @property
    def healthy(self) -> bool:
        """Whether all is well and nothing pending; ``status --check`` passes."""
        fine = {Standing.APPLIED, Standing.AHEAD}
        return not self.problems and all(m.status in fine for m in self.migrations)


class RepairAction(StrEnum):
    """What `repair` is to settle."""

    RESUME = "resume"
    MARK_APPLIED = "mark-applied"
    MARK_PENDING = "mark-pending"
    ACCEPT_CHECKSUMS = "accept-checksums"
    RENUMBER = "renumber"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedMigration:
    """One migration of another tool's history, and the file that it is taken for."""

    version: str
    """As its file writes it; a repeatable's path."""
    name: str
    file: str
    old_key: str | None
    """What the other tool knows it by; null where its history has no row of it."""
    applied_at: datetime | None = None
    """Null where the other tool does not tell."""
    applied_by: str | None = None
    execution_time_ms: int | None = None
    verified: bool = False
    """Whether the file was held against the other tool's checksum; else on trust."""
    standing: bool = False
    """Whether our history had it already, so that nothing is written."""


@dataclass(frozen=True, slots=True)
class AdoptionReport(MigrationReport):
    """What an adoption made of another tool's history; it runs no migration."""

    tool: str = ""
    table: str = ""
    """As SQL has it, quoted where it must be."""
    mapping: tuple[AdoptedMigration, ...] = ()
    """Everything that counts as applied, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of the audit trail: a migration's row, or an event."""

    at: datetime
    what: str
    """``up``, ``down``, ``failed``, ``running``, ``baseline``, … or the event's name."""
    version: str | None
    name: str | None
    actor: str | None
    run_id: str | None
    release: str | None = None
    execution_time_ms: int | None = None
    detail: str | None = None
