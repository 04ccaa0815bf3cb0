"""A migration file's sections, and the directives above them.

``-- UP`` and ``-- DOWN`` are markers where PostgreSQL itself would see a line comment
alone on its line, outside parentheses and bodies. Whatever is wrong is told with its
place, all of it at once; nothing here raises.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from asyncmigrate._sql.position import Lines
from asyncmigrate._sql.statements import Statement, Unterminated, scan

_MARKER: Final = re.compile(r"--[ \t]*(up|down)[ \t\f\v]*", re.IGNORECASE)
_DIRECTIVE: Final = re.compile(
    r"--[ \t]*asyncmigrate(?::|[ \t]+(?=[\w.-]+[ \t]*=))(.*)", re.IGNORECASE
)
_NOTABLE: Final = re.compile(r"--[ \t]*(?:up|down|asyncmigrate)", re.IGNORECASE)
_WORD: Final = re.compile(r"[^ \t\f\v]+")
_PAIR: Final = re.compile(r"([A-Za-z][\w.-]*)(?:=(\S+))?", re.ASCII)
_LINE_END: Final = re.compile(r"\r\n?|\n|\Z")

_Name = Literal["UP", "DOWN"]


@dataclass(frozen=True, slots=True)
class Directive:
    """One ``key`` or ``key=value`` of a directive comment."""

    key: str
    value: str | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file, and where."""

    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Section:
    """One direction of a migration file."""

    text: str
    """Every character from the marker's line to the next marker's."""
    offset: int
    """Of `text` in the file."""
    line: int
    """Of the marker; 1 without one."""
    directives: tuple[Directive, ...]


@dataclass(frozen=True, slots=True)
class Sections:
    """What a file holds."""

    up: Section | None
    down: Section | None
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Part:
    """The text between two markers."""

    marker: _Name | None
    marker_at: int
    start: int
    end: int = 0
    unread: bool = False
    statements: list[Statement] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)


def read_sections(text: str) -> Sections:
    """Read a file's sections; with problems, what could be read."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = Lines(text)
        self.problems: list[tuple[int, str]] = []
        self.notes: list[tuple[int, int]] = []
        """Where the directive comments of the part under way are."""

    def read(self) -> Sections:
        parts = self.parts()
        named = {part.marker for part in parts}
        head = parts[0]
        shared: list[Directive] = []
        if "UP" in named:
            shared = head.directives
            if head.statements:
                self.problem(
                    head.statements[0].start,
                    "SQL stands before the first marker; move it below `-- UP`",
                )
        else:
            head.marker = "UP"
        by_name: dict[_Name, _Part] = {}
        for part in parts:
            if part.marker in by_name:
                self.problem(
                    part.marker_at,
                    f"a second `-- {part.marker}`; a file has one at most",
                )
            elif part.marker is not None:
                by_name[part.marker] = part
        up, down = by_name["UP"], by_name.get("DOWN")
        if not up.statements and not up.unread:
            self.problem(
                up.marker_at,
                "UP has no statement; write `SELECT 1;` when that is on purpose",
            )
        if down is not None and not down.statements and not down.unread:
            # No DOWN, but its word that there is none on purpose must not be lost.
            up.directives += [it for it in down.directives if it.key == "irreversible"]
            down = None
        self.problems.sort()
        return Sections(
            self.section(up, shared),
            self.section(down, shared) if down else None,
            tuple(
                Problem(message, *self.place(offset))
                for offset, message in self.problems
            ),
        )

    def problem(self, offset: int, message: str) -> None:
        self.problems.append((offset, message))

    def parts(self) -> list[_Part]:
        text = self.text
        begin = 1 if text.startswith("\ufeff") else 0
        parts = [_Part(None, begin, begin)]
        while True:
            part = parts[-1]
            self.notes = []
            try:
                found = scan(text, part.start, self.on_comment)
            except Unterminated as error:
                self.problem(error.offset, f"this {error.what} is never closed")
                part.end, part.unread = len(text), True
                return parts
            part.statements = found.statements
            self.directives(part)
            if found.stopped_at == len(text):
                part.end = len(text)
                return parts
            at = found.stopped_at
            part.end = self.line_start(at)
            marker = _MARKER.match(text, at)
            name: _Name = "UP" if marker and marker[1].upper() == "UP" else "DOWN"
            parts.append(_Part(name, at, self.line_stop(at)))

    def on_comment(self, start: int, end: int) -> bool:
        """Note a directive; true for what is a marker if it is at top level."""
        if not _NOTABLE.match(self.text, start, end):
            return False
        if _MARKER.fullmatch(self.text, start, end):
            return not self.text[self.line_start(start) : start].strip(" \t\f\v\ufeff")
        if _DIRECTIVE.fullmatch(self.text, start, end):
            self.notes.append((start, end))
        return False

    def line_start(self, at: int) -> int:
        return max(self.text.rfind("\n", 0, at), self.text.rfind("\r", 0, at)) + 1

    def line_stop(self, at: int) -> int:
        found = _LINE_END.search(self.text, at)
        return found.end() if found else len(self.text)

    def directives(self, part: _Part) -> None:
        first = part.statements[0].start if part.statements else len(self.text)
        for start, end in self.notes:
            if start > first:
                self.problem(
                    start, "a directive stands above the first statement of its section"
                )
                continue
            found = _DIRECTIVE.fullmatch(self.text, start, end)
            spoken = found.start(1) if found else end
            if self.text[spoken - 1] != ":":
                self.problem(start, "write `-- asyncmigrate: key=value`, with a colon")
                continue
            part.directives += self.pairs(spoken, end)

    def pairs(self, start: int, end: int) -> list[Directive]:
        found = []
        for word in _WORD.finditer(self.text, start, end):
            pair = _PAIR.fullmatch(word[0])
            if pair is None:
                self.problem(
                    word.start(),
                    f"`{word[0]}` is no directive; write `key=value` without blanks",
                )
                continue
            line, column = self.place(word.start())
            found.append(Directive(pair[1], pair[2], line, column))
        if not _WORD.search(self.text, start, end):
            self.problem(start, "a directive names a key, as in `transaction=off`")
        return found

    def section(self, part: _Part, shared: list[Directive]) -> Section:
        return Section(
            self.text[part.start : part.end],
            part.start,
            self.place(part.marker_at)[0],
            (*shared, *part.directives),
        )
