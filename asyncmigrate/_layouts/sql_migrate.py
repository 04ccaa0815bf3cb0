"""sql-migrate: ``1_name.sql`` with ``-- +migrate Up`` and ``-- +migrate Down``.

The whole file name is the identity. Names with a number come first, by it, then the
others as text. One transaction each; with ``notransaction`` behind a direction each
of its statements counts by itself.
"""

import re
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from asyncmigrate._layouts.foreign import (
    ONE_BY_ONE,
    Half,
    Halves,
    Named,
    Naming,
    Texts,
    samples,
    top_files,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Options, Problem, Version

_PREFIX: Final = "-- +migrate "
_MARK: Final = re.compile(r"^-- \+migrate (?:Up|Down)\b", re.MULTILINE)
_NUMBER: Final = re.compile(r"[0-9]+")


def recognises(listing: Listing) -> bool:
    """Whether a file holds the annotation that every one must hold."""
    return any(_MARK.search(text) for text in samples(listing))


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, SQL_MIGRATE.name)
    for file in top_files(naming, ".sql"):
        number = _NUMBER.match(file)
        key = f"n:{number[0].lstrip('0') or '0'}:{file}" if number else f"name:{file}"
        name = file[: -len(".sql")]
        if number:
            name = name[number.end() :].lstrip("_-")
        parse = partial(_parse, file)
        naming.named.append(Named(Version(file, key), name, (file,), parse))
    return naming.found()


def _parse(file: str, texts: Texts) -> Halves:
    return _Annotations(file, texts[file]).read()


@dataclass(slots=True)
class _Annotations:
    file: str
    text: str
    problems: list[Problem] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)
    """Of each direction, those of the other one left blank."""
    alone: set[str] = field(default_factory=set)
    """The directions without a transaction."""
    begun: int = 0

    def read(self) -> Halves:
        direction = ""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.startswith(_PREFIX):
                direction = self.annotation(number, line, direction)
            elif direction:
                kept = self.lines[direction]
                kept += [""] * (number - 1 - len(kept))
                kept.append(line)
        if self.begun:
            self.unbalanced()
        if not self.lines:
            message = "there is neither `-- +migrate Up` nor `-- +migrate Down`"
            self.problem(1, message, "write them above what they hold")
        return Halves(
            self.half("Up") or Half(self.file, ""), self.half("Down"), self.problems
        )

    def half(self, direction: str) -> Half | None:
        if direction not in self.lines:
            return None
        options = ONE_BY_ONE if direction in self.alone else Options()
        text = "\n".join(self.lines[direction])
        return Half(self.file, text, options=options)

    def annotation(self, number: int, line: str, direction: str) -> str:
        words = line[len(_PREFIX) :].split()
        command = words[0] if words else ""
        if command in {"Up", "Down"}:
            self.lines.setdefault(command, [])
            if "notransaction" in words[1:]:
                self.alone.add(command)
            return command
        if command == "StatementBegin":
            self.begun = number if direction else 0
        elif command == "StatementEnd":
            self.begun = 0
        else:
            message = f"sql-migrate knows no command `{command}`"
            hint = "known: Up, Down, StatementBegin, StatementEnd"
            self.problem(number, message, hint)
        return direction

    def unbalanced(self) -> None:
        message = "`-- +migrate StatementBegin` without a StatementEnd"
        hint = "write `-- +migrate StatementEnd` below the statement"
        self.problem(self.begun, message, hint)

    def problem(self, line: int, message: str, hint: str) -> None:
        self.problems.append(Problem(message, self.file, line, hint=hint))


SQL_MIGRATE: Final = Layout(
    name="sql-migrate",
    recognises=recognises,
    read=read,
    shape="`1_name.sql` with `-- +migrate Up` and `-- +migrate Down`",
    identity="the whole file name, by its number first",
    transaction="one; `notransaction`: each statement by itself",
    recognised="by `-- +migrate Up`",
)
