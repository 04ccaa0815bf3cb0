"""What a run is for: each job says what it must know, and decides.

A job keeps what it was resolved to: a roll-back that begins again on a new session
undoes what it was asked to undo, not the next newest as well, and puts back what it
took away before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from asyncmigrate._layouts.directives import read_stored_down
from asyncmigrate._layouts.layout import Source
from asyncmigrate._migration import (
    Applied,
    Definition,
    History,
    MigrationFile,
    Part,
    Problem,
    Unreadable,
)
from asyncmigrate._plan import (
    MigrateWish,
    Plan,
    RollbackWish,
    SoFar,
    choose_rollback,
    decide_baseline,
    decide_migrate,
    decide_repair,
    decide_rollback,
    needed,
    undone_by_others,
    what_is_left,
)
from asyncmigrate.errors import Conflict, ConflictsFound
from asyncmigrate.results import RepairAction

Stored = Mapping[str, str]
"""Texts of the database, by checksum."""


class Job(Protocol):
    """What a run is for."""

    source: Source

    def wants(self, history: History) -> set[str]:
        """Checksums of the stored texts that it must see."""

    def decide(self, history: History, stored: Stored, so_far: SoFar | None) -> Plan:
        """What is to be done; *so_far* is null until the run has begun a step."""


Known = dict[str, Definition]
"""What a job has read already, by file: it looks twice, before and under the lock."""


def read_definitions(
    source: Source,
    history: History,
    also: Sequence[MigrationFile] = (),
    known: Known | None = None,
) -> tuple[dict[str, Definition], list[Problem]]:
    """Parse the files whose bytes the history does not hold, and *also* these."""
    known = {} if known is None else known
    definitions: dict[str, Definition] = {}
    problems = list(source.problems)
    files = {file.key: file for file in (*needed(source.files, history), *also)}
    for key, file in files.items():
        try:
            if file.file not in known:
                known[file.file] = file.define()
            definitions[key] = known[file.file]
        except Unreadable as error:
            problems += error.problems
    return definitions, problems


@dataclass(slots=True)
class Migrate:
    """Bring the database up to a version, or to the newest."""

    source: Source
    wish: MigrateWish
    known: Known = field(default_factory=dict)

    def wants(self, history: History) -> set[str]:  # noqa: ARG002 - of the protocol
        """Nothing but the files."""
        return set()

    def decide(
        self,
        history: History,
        stored: Stored,  # noqa: ARG002 - as above
        so_far: SoFar | None,  # noqa: ARG002 - as above
    ) -> Plan:
        """What is pending."""
        definitions, problems = read_definitions(self.source, history, known=self.known)
        return decide_migrate(
            self.source.files, problems, history, definitions, self.wish
        )


@dataclass(slots=True)
class Rollback:
    """Undo what was chosen when the run first looked, and what goes with it."""

    source: Source
    wish: RollbackWish
    chosen: tuple[Applied, ...] | None = None
    known: Known = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    """The last that was decided before the run began a step: under the lock, then."""
    since: History = field(default_factory=History)
    """The history that it was decided on."""

    def _standing(self, history: History) -> tuple[Applied, ...]:
        if self.chosen is None:
            self.chosen = choose_rollback(self.source.files, history, self.wish)
        ids = {row.id: row for row in history.rows}
        return tuple(ids[row.id] for row in self.chosen if row.id in ids)

    def wants(self, history: History) -> set[str]:
        """The stored DOWNs of what is to be undone, repeatables included."""
        rows = (*self._standing(history), *history.repeatables)
        return {row.down_checksum for row in rows if row.down_checksum}

    def decide(self, history: History, stored: Stored, so_far: SoFar | None) -> Plan:
        """How to undo them, or what is left of that.

        Raises:
            ConflictsFound: something newer was applied since the run first looked.
            MigrationFailed: or since it has begun, so that it cannot go on.
        """
        if so_far is not None:
            return what_is_left(self.plan, self.since, history, so_far)
        plan = self._decide(history, stored)
        gone = undone_by_others(self.chosen or (), history)
        self.plan = replace(plan, warnings=(*plan.warnings, *gone))
        self.since = history
        return self.plan

    def _decide(self, history: History, stored: Stored) -> Plan:
        chosen = self._standing(history)
        keys = {row.version_key for row in (*chosen, *history.repeatables)}
        wanted = [file for file in self.source.files if file.key in keys]
        definitions, problems = read_definitions(
            self.source, history, wanted, self.known
        )
        parts: dict[str, Part] = {
            row.down_checksum: read_stored_down(stored[row.down_checksum], row.file)
            for row in (*chosen, *history.repeatables)
            if row.down_checksum and row.down_checksum in stored
        }
        if chosen and not self.wish.last_run:
            self._require_newest(history, chosen)
        return decide_rollback(
            self.source.files,
            problems,
            history,
            definitions,
            stored=parts,
            chosen=chosen,
            redo=self.wish.redo,
        )

    def _require_newest(self, history: History, chosen: tuple[Applied, ...]) -> None:
        ids = {row.id for row in self.chosen or ()}
        lowest = min(row.order for row in chosen)
        newer = [
            row for row in history.rows if row.order > lowest and row.id not in ids
        ]
        if newer:
            raise ConflictsFound(
                [
                    Conflict(
                        kind="late",
                        version=row.version,
                        message=f"migration {row.version} was applied by another run"
                        " while this roll-back waited",
                        hint="look again with `asyncmigrate status`",
                    )
                    for row in newer
                ]
            )


@dataclass(slots=True)
class Baseline:
    """Mark everything up to a version as there already."""

    source: Source
    target: str

    def wants(self, history: History) -> set[str]:  # noqa: ARG002 - of the protocol
        """Nothing but the files."""
        return set()

    def decide(
        self,
        history: History,
        stored: Stored,  # noqa: ARG002 - as above
        so_far: SoFar | None,  # noqa: ARG002 - as above
    ) -> Plan:
        """What is to be marked."""
        definitions, problems = read_definitions(self.source, history)
        return decide_baseline(
            self.source.files, problems, history, definitions, self.target
        )


@dataclass(slots=True)
class Repair:
    """Settle a half-done migration, an accepted edit, a rename."""

    source: Source
    action: RepairAction
    versions: tuple[str, ...] = ()
    renames: Mapping[str, str] = field(default_factory=dict)

    def wants(self, history: History) -> set[str]:
        """The stored texts of what stands, so that an edit shows its diff."""
        if self.action is not RepairAction.ACCEPT_CHECKSUMS:
            return set()
        digests = {file.file_sha256 for file in self.source.files}
        return {
            row.checksum
            for row in history.rows
            if row.checksum and row.file_sha256 not in digests
        }

    def decide(
        self,
        history: History,
        stored: Stored,  # noqa: ARG002 - as above
        so_far: SoFar | None,  # noqa: ARG002 - as above
    ) -> Plan:
        """What is to be written."""
        definitions, problems = read_definitions(self.source, history)
        return decide_repair(
            self.source.files,
            problems,
            history,
            definitions,
            action=self.action,
            versions=self.versions,
            renames=self.renames,
        )
