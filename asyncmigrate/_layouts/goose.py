"""goose: ``1_name.sql`` with the annotations ``-- +goose Up`` and ``-- +goose Down``.

The number alone is the identity. One transaction each, unless the file says ``NO
TRANSACTION``: then each statement counts by itself. Where ``ENVSUB ON`` stands,
variables of the environment are filled in before a run. Statements are found by our
own scanner, so that StatementBegin and StatementEnd have only to be in pairs.
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
    numbered,
    samples,
    top_files,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Options, Problem

_NAME: Final = re.compile(r"([0-9]+)_(.*)\.(sql|go)", re.DOTALL)
_MARK: Final = re.compile(r"^--[ \t]*\+goose[ \t]+up\b", re.IGNORECASE | re.MULTILINE)
_KNOWN: Final = {
    word.lower(): word
    for word in (
        "Up",
        "Down",
        "StatementBegin",
        "StatementEnd",
        "NO TRANSACTION",
        "ENVSUB ON",
        "ENVSUB OFF",
    )
}


def recognises(listing: Listing) -> bool:
    """Whether a file holds the annotation that every one must hold."""
    return any(_MARK.search(text) for text in samples(listing))


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, GOOSE.name)
    for file in top_files(naming, ".sql", ".go"):
        parsed = _NAME.fullmatch(file)
        if file.lower().endswith(".go"):
            if parsed and not file.endswith("_test.go"):
                naming.language(file, "Go")
        elif parsed is None or not parsed[1].strip("0"):
            naming.stray(file, "1_name.sql")
        else:
            parse = partial(_parse, file)
            version = numbered(parsed[1])
            naming.named.append(Named(version, parsed[2], (file,), parse))
    return naming.found()


def _parse(file: str, texts: Texts) -> Halves:
    return _Annotations(file, texts[file]).read()


@dataclass(slots=True)
class _Section:
    """The lines of one direction, counted from 1."""

    first: int
    last: int = 0
    envsub: bool = False
    """Whether it was on at its first line."""
    fills: bool = False


@dataclass(slots=True)
class _Annotations:
    file: str
    text: str
    sections: dict[str, _Section] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    begun: int = 0
    """The line of the StatementBegin that has no end so far."""
    transaction: bool = True
    envsub: bool = False

    def read(self) -> Halves:
        lines = self.text.split("\n")
        section: _Section | None = None
        for number, line in enumerate(lines, 1):
            if line.lstrip().startswith("--") and "+goose" in line:
                section = self.annotation(number, line, section)
            elif section is None and line.strip() and not _is_comment(line):
                self.problem(
                    number,
                    "SQL stands before `-- +goose Up`",
                    "move it below the annotation",
                )
                section = _Section(number)  # told once
            if section:
                section.last = number
                section.fills = section.fills or self.envsub
        if self.begun:
            self.unbalanced()
        if "Up" not in self.sections and not self.problems:
            self.problem(
                1,
                "there is no `-- +goose Up`",
                "write it above the statements that migrate up",
            )
        up = self.half("Up", lines) or Half(self.file, "")
        return Halves(up, self.half("Down", lines), self.problems)

    def half(self, name: str, lines: list[str]) -> Half | None:
        section = self.sections.get(name)
        if section is None:
            return None
        text = "\n".join(lines[section.first - 1 : section.last])
        fills = "goose-on" if section.envsub else "goose"
        own = Options() if self.transaction else ONE_BY_ONE
        options = Options(
            transaction=own.transaction,
            blocks=own.blocks,
            placeholders=fills if section.fills else None,
        )
        return Half(self.file, text, section.first, options)

    def annotation(
        self, number: int, line: str, section: _Section | None
    ) -> _Section | None:
        said = " ".join(line.replace("--", "").replace("+goose", "", 1).split())
        known = _KNOWN.get(said.lower())
        if line[:1] in " \t":
            message = "an annotation stands at the beginning of its line"
            self.problem(number, message, "take the blanks before it away")
        elif known is None:
            message = f"goose knows no annotation `{said}`"
            self.problem(number, message, f"known: {', '.join(_KNOWN.values())}")
        elif known in {"Up", "Down"}:
            return self.direction(number, known, section)
        elif known == "NO TRANSACTION":
            self.transaction = False
        elif known.startswith("ENVSUB"):
            self.envsub = known.endswith("ON")
        else:
            self.statement(number, known, section)
        return section

    def direction(
        self, number: int, name: str, section: _Section | None
    ) -> _Section | None:
        if self.begun:
            self.unbalanced()
        if name in self.sections:
            message = f"a second `-- +goose {name}`"
            self.problem(number, message, "a file has one of each")
            return section
        if name == "Down" and "Up" not in self.sections:
            message = "`-- +goose Down` stands before `-- +goose Up`"
            self.problem(number, message, "put Up first")
        if name == "Up" and "Down" in self.sections:
            return section  # told at the Down
        self.sections[name] = _Section(number + 1, number, envsub=self.envsub)
        return self.sections[name]

    def statement(self, number: int, name: str, section: _Section | None) -> None:
        if name == "StatementEnd":
            if not self.begun:
                message = "`-- +goose StatementEnd` without a StatementBegin"
                hint = "write `-- +goose StatementBegin` above the statement"
                self.problem(number, message, hint)
            self.begun = 0
        elif section is None:
            message = "`-- +goose StatementBegin` stands before `-- +goose Up`"
            self.problem(number, message, "move it below the annotation")
        else:
            if self.begun:
                self.unbalanced()
            self.begun = number

    def unbalanced(self) -> None:
        message = "`-- +goose StatementBegin` without a StatementEnd"
        hint = "write `-- +goose StatementEnd` below the statement"
        self.problem(self.begun, message, hint)
        self.begun = 0

    def problem(self, line: int, message: str, hint: str) -> None:
        self.problems.append(Problem(message, self.file, line, hint=hint))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("--")


GOOSE: Final = Layout(
    name="goose",
    recognises=recognises,
    read=read,
    shape="`1_name.sql` with `-- +goose Up` and `-- +goose Down`",
    identity="the number",
    transaction="one; `NO TRANSACTION`: each statement by itself",
    recognised="by `-- +goose Up`",
)
