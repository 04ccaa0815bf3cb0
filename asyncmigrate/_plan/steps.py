"""What a plan is made of, and what may be wished for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from asyncmigrate._foreign import Elsewhere
from asyncmigrate._migration import (
    Applied,
    Definition,
    Direction,
    MigrationFile,
    Part,
    RowOrigin,
)
from asyncmigrate.errors import Conflict

Definitions: TypeAlias = Mapping[str, Definition]
"""By key: of every file whose bytes the history does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Run a migration's UP."""

    file: MigrationFile
    definition: Definition
    row: Applied | None = None
    """The half-done row that it continues."""
    forgiving: bool = False
    """Whether its failure is a warning: a repeatable put back after a roll-back."""

    @property
    def direction(self) -> Direction:
        """Which way it goes."""
        return Direction.UP

    @property
    def version(self) -> str:
        """The version, or a repeatable's path."""
        return self.file.label

    @property
    def name(self) -> str:
        """The migration's name."""
        return self.file.name

    @property
    def part(self) -> Part:
        """The text to run."""
        return self.definition.up


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Run a migration's DOWN."""

    row: Applied
    part: Part
    source: str
    """``file`` or ``stored``."""
    file: MigrationFile | None = None

    @property
    def direction(self) -> Direction:
        """Which way it goes."""
        return Direction.DOWN

    @property
    def version(self) -> str:
        """The version, or a repeatable's path."""
        return self.row.version

    @property
    def name(self) -> str:
        """The migration's name."""
        return self.row.name


Step: TypeAlias = Apply | Undo


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A row whose file was moved, improved or edited cosmetically."""

    row: Applied
    file: MigrationFile
    definition: Definition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One point that is written to the history without running anything."""

    event: str | None = None
    """What the audit trail calls it; null where another write's event tells of it."""
    version: str | None
    detail: str
    """A sentence: what is written, for people and for the audit trail."""
    insert: MigrationFile | None = None
    """A row for this file."""
    definition: Definition | None = None
    origin: RowOrigin = RowOrigin.MARK
    elsewhere: Elsewhere | None = None
    """Whose doing the row is, where it was not ours."""
    row: Applied | None = None
    """The row that is changed, or that loses its standing."""
    columns: Mapping[str, str | int | None] | None = None
    """What is changed in `row`; null: it loses its standing."""

    @property
    def tells_only(self) -> bool:
        """Whether it is an event of the audit trail alone."""
        return self.insert is None and self.row is None

    @property
    def found(self) -> str:
        """A sentence on what the history says now."""
        if self.row is None:
            return f"{self.version} has no row in the history"
        return f"{self.row.version} {self.row.name} stands {self.row.standing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in order, or why nothing may be."""

    steps: tuple[Step, ...] = ()
    writes: tuple[Write, ...] = ()
    refresh: tuple[Refresh, ...] = ()
    """Written only by a run that writes anyway."""
    conflicts: tuple[Conflict, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to run and nothing to write."""
        return not self.steps and not self.writes


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a run has done, when it plans again on another session."""

    run_id: str
    undone: frozenset[str]
    """The versions that it has rolled back, repeatables by their path."""
    given_up: frozenset[str]
    """The repeatables that it could not put back, and is not to try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateWish:
    """Bring the database up to *target*, or to the newest."""

    target: str | None = None
    allow_out_of_order: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackWish:
    """Undo the newest *steps*, everything newer than *target*, or the last run."""

    steps: int | None = None
    target: str | None = None
    last_run: bool = False
    redo: bool = False
    """Whether what was undone is applied again."""
