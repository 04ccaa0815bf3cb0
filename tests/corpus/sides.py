"""What is compared: a directory of migrations, and what either side makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from asyncmigrate._layouts import read_directory
from asyncmigrate._migration import (
    Direction,
    MigrationFile,
    Part,
    Problem,
    Unreadable,
)
from asyncmigrate._settings import placeholder_lookup
from asyncmigrate._sql.placeholders import fill
from asyncmigrate._sql.script import read_script

IN_TRANSACTION = "25001"
"""What the server says of a statement that cannot be in a transaction."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A script that did not run, and why."""

    version: str
    direction: Direction
    place: str
    """``file:line``."""
    sqlstate: str | None
    message: str

    def __str__(self) -> str:
        state = f"{self.sqlstate} " if self.sqlstate else ""
        undoing = " (DOWN)" if self.direction is Direction.DOWN else ""
        return f"{self.place}{undoing}: {state}{self.message}"

    def is_like(self, other: "Failure | None") -> bool:
        """Whether the other side failed in the same way.

        What cannot be in a transaction is refused by one and by the other's server.
        """
        if other is None:
            return False
        states = {self.sqlstate, other.sqlstate}
        return len(states) == 1 or states == {None, IN_TRANSACTION}


@dataclass(frozen=True, slots=True)
class Script:
    """One direction of one migration, its placeholders filled in."""

    version: str
    direction: Direction
    part: Part
    text: str

    def failure(self, line: int | None, sqlstate: str | None, message: str) -> Failure:
        """A failure of this script; *line* counts from 1 within its text."""
        place = f"{self.part.file}:{self.part.line + (line or 1) - 1}"
        return Failure(self.version, self.direction, place, sqlstate, message)


class Side(Protocol):
    """Applies and undoes; what fails is reported and passed over."""

    def apply(self, scripts: Sequence[Script]) -> list[Failure]:
        """Run these UPs, oldest first."""

    def undo(self, scripts: Sequence[Script]) -> list[Failure]:
        """Run these DOWNs, newest first."""


@dataclass
class Corpus:
    """Directories of migrations, and what is left out of them and why."""

    directories: list[Path]
    """Copies, which may be changed."""
    layout: str | None
    placeholders: dict[str, str] = field(default_factory=dict)
    skip: list[str] = field(default_factory=list)
    refused: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ups: dict[str, Script] = field(default_factory=dict)
    """By version, in their order."""
    downs: dict[str, Script] = field(default_factory=dict)

    @property
    def statements(self) -> int:
        """Of all UPs."""
        return sum(len(read_script(up.text).statements) for up in self.ups.values())

    @property
    def size(self) -> int:
        """Bytes of all UPs."""
        return sum(len(up.text.encode()) for up in self.ups.values())

    def read(self) -> None:
        """Read everything; what cannot be read is refused, and left out.

        Raises:
            Unreadable: what is wrong with the names.
        """
        directories = list(map(str, self.directories))
        source = read_directory(directories, format=self.layout, skip=self.skip)
        if source.problems:
            raise Unreadable(source.problems)
        self.layout = source.layout
        self.warnings += source.warnings
        for file in source.files:
            try:
                self._take(file)
            except Unreadable as error:
                self._leave_out(file)
                self.refused += (_refusal(file, each) for each in error.problems)

    def refuse(self, failures: Sequence[Failure]) -> None:
        """Neither side is to run these."""
        self.refused += failures
        for each in failures:
            self.ups.pop(each.version, None)
            self.downs.pop(each.version, None)

    def _take(self, file: MigrationFile) -> None:
        definition = file.define()
        up = self._script(file, Direction.UP, definition.up)
        if definition.down:
            down = self._script(file, Direction.DOWN, definition.down)
            self.downs[file.label] = down
        self.ups[file.label] = up
        self.warnings += definition.warnings

    def _script(self, file: MigrationFile, direction: Direction, part: Part) -> Script:
        if not part.options.placeholders:
            return Script(file.label, direction, part, part.text)
        lookup = placeholder_lookup(self.placeholders, {})
        filled = fill(part.text, part.options.placeholders, lookup, {})
        if filled.problems:
            raise Unreadable(
                [
                    Problem(
                        said, part.file, part.line + part.text.count("\n", 0, offset)
                    )
                    for offset, said, _ in filled.problems
                ]
            )
        return Script(file.label, direction, part, filled.text)

    def _leave_out(self, file: MigrationFile) -> None:
        """Skip the files of a migration, both halves of a pair."""
        folder, _, name = file.file.rpartition("/")
        if self.layout == "sqitch":  # the plan wants the scripts: let them do nothing
            for half in (file.file, file.file.replace("deploy/", "revert/", 1)):
                script = self.directories[0] / half
                if script.exists():
                    script.write_text("-- left out\n", encoding="utf-8")
            return
        self.skip.append(f"{folder}/*" if name == "up.sql" else file.file)
        if ".up." in name:
            self.skip.append(file.file.replace(".up.", ".down."))


def _refusal(file: MigrationFile, problem: Problem) -> Failure:
    place = f"{problem.file}:{problem.line or 1}"
    return Failure(file.label, Direction.UP, place, None, problem.message)
