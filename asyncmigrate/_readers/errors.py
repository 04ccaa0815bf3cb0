"""An error for people: what, where, the statement with a caret, and what to do.

Understood without colour. The server's own words are shown as they are, but for
control characters.
"""

from dataclasses import dataclass
from typing import Final

from asyncmigrate._readers.colour import PLAIN, Painter
from asyncmigrate._readers.text import (
    ELLIPSIS,
    escape,
    escape_block,
    plural,
    shorten,
    width,
)
from asyncmigrate.errors import Conflict, ConflictsFound, MigrationError

_BEFORE: Final = 6
"""Lines of the statement shown above the one that the caret points at."""
_AFTER: Final = 2
_HEAD: Final = 12
"""Lines shown of a statement when the error has no position."""
_TAB: Final = 4
_NARROWEST: Final = 20


@dataclass(frozen=True, slots=True)
class ErrorView:
    """How errors are shown: with colour or not, and in how many cells."""

    paint: Painter = PLAIN
    width: int = 100
    whole: bool = False
    """Whether all of a statement is shown, however long it is."""

    def render(self, error: MigrationError) -> str:
        """The whole text, without a line's end at its end."""
        blocks = [self._heading(error)]
        if isinstance(error, ConflictsFound):
            blocks += [self._conflict(conflict) for conflict in error.conflicts]
        else:
            if error.statement:
                blocks.append(self._statement(error))
            blocks.append(self._facts(error))
        blocks.append(self._standing(error))
        return "\n\n".join(block for block in blocks if block)

    def _heading(self, error: MigrationError) -> str:
        label = self.paint("error:", "error")
        if isinstance(error, ConflictsFound):
            found = plural(len(error.conflicts), "conflict")
            stands = any(each.status.stands for each in error.results)
            return f"{label} {found}" + ("" if stands else "; nothing was changed")
        lines = escape_block(error.message).splitlines() or [error.code]
        first = [f"{label} {lines[0]}"]
        if width(lines[0]) + len("error: ") > self.width:
            # What went wrong, and on a line of its own what became of it.
            fact, _, consequence = lines[0].partition("; ")
            first = [f"{label} {fact}", f"  {consequence}"][: 1 + bool(consequence)]
        heading = "\n".join([*first, *lines[1:]])
        place = error.place
        if place:
            where = escape(place)
            if error.version and error.version not in place:
                where += f" (version {escape(error.version)})"
            heading += f"\n  at {self.paint(where, 'bold')}"
        elif error.version:
            heading += f"\n  in version {self.paint(escape(error.version), 'bold')}"
        return heading

    def _statement(self, error: MigrationError) -> str:
        text = (error.statement or "").rstrip()
        position = error.position
        if position is None or not 0 <= position <= len(text):
            return self._head(text)
        lines = text.split("\n")
        at = text.count("\n", 0, position)
        column = position - (text.rfind("\n", 0, position) + 1)
        first = 0 if self.whole else max(0, at - _BEFORE)
        last = len(lines) if self.whole else min(len(lines), at + 1 + _AFTER)
        number = (error.line or at + 1) - at
        digits = len(str(number + last - 1))
        gutter = self.paint(f"{'':{digits}} |", "dim")
        room = max(_NARROWEST, self.width - digits - 3)
        shown = []
        for index in range(first, last):
            label = self.paint(f"{number + index:{digits}} |", "dim")
            if index != at:
                line = shorten(_flat(lines[index]), room)
                shown.append(f"{label} {line}".rstrip())
                continue
            line, caret = _window(lines[index], column, room)
            shown.append(f"{label} {line}".rstrip())
            shown.append(f"{gutter} {' ' * caret}{self.paint('^', 'error')}")
        if last < len(lines):
            shown.append(
                f"{gutter} {ELLIPSIS} {plural(len(lines) - last, 'more line')}"
            )
        return "\n".join(shown)

    def _head(self, text: str) -> str:
        lines = text.split("\n")
        shown = lines if self.whole else lines[:_HEAD]
        room = max(_NARROWEST, self.width - 4)
        gutter = self.paint("  |", "dim")
        block = [f"{gutter} {shorten(_flat(line), room)}".rstrip() for line in shown]
        if len(shown) < len(lines):
            more = plural(len(lines) - len(shown), "more line")
            block.append(f"{gutter} {ELLIPSIS} {more}")
        return "\n".join(block)

    def _facts(self, error: MigrationError) -> str:
        facts = [
            ("sqlstate", _unsaid(error.sqlstate, error.message)),
            ("detail", error.detail),
            ("hint", error.hint),
        ]
        return "\n".join(
            f"{self.paint(name + ':', 'bold')} {escape_block(text)}"
            for name, text in facts
            if text
        )

    def _conflict(self, conflict: Conflict) -> str:
        parts = [conflict.file, conflict.line, conflict.column]
        place = ":".join(str(part) for part in parts if part is not None)
        head = f"{self.paint(escape(place), 'bold')}: " if place else ""
        lines = [f"- {head}{escape_block(conflict.message)}"]
        if conflict.hint:
            hint = escape_block(conflict.hint).replace("\n", "\n  ")
            lines.append(f"  {self.paint('hint:', 'bold')} {hint}")
        if conflict.diff:
            lines += ["    " + line for line in self.diff(conflict.diff).splitlines()]
        return "\n".join(lines)

    def diff(self, text: str) -> str:
        """A unified diff, coloured."""
        colours = {"+": "green", "-": "red", "@": "cyan"}
        return "\n".join(
            self.paint(line, colours[line[0]]) if line[:1] in colours else line
            for line in escape_block(text).splitlines()
        )

    def _standing(self, error: MigrationError) -> str:
        """What stands of the run, for somebody who has just seen it fail."""
        stand = [
            f"{escape(result.version)} {escape(result.name)}".rstrip()
            for result in error.results
            if result.status.stands
        ]
        if not stand:
            none = "no migration of this run stands"
            return none if error.results and none not in error.message else ""
        verb = "stands" if len(stand) == 1 else "stand"
        text = f"{plural(len(stand), 'migration')} of this run {verb}"
        text = f"{'what stands' if text in error.message else text}: {stand[0]}"
        if len(stand) > 1:
            text += f" to {stand[-1]}"
        return shorten(text, self.width)


def _unsaid(fact: str | None, message: str) -> str | None:
    return None if fact is None or fact in message else fact


def _flat(line: str) -> str:
    return escape(line.expandtabs(_TAB).rstrip("\r"))


def _window(line: str, column: int, room: int) -> tuple[str, int]:
    """The part of a long line in which *column* is seen, and the caret's cell."""
    before, after = _flat(line[:column] + "."), ""
    before = before[:-1]
    after = _flat(line)[len(before) :]
    caret = width(before)
    if caret + width(after) <= room:
        return before + after, caret
    if caret > room * 2 // 3:
        keep = room // 2
        while width(before) > keep:
            before = before[1:]
        before = ELLIPSIS + before
        caret = width(before)
    return shorten(before + after, room), caret
