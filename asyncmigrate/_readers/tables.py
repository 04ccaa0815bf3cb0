"""Aligned tables that fit: status, history, settings.

A column that may shrink gives way first, the widest one before the others; what is
shortened ends in an ellipsis. A table without a width (a pipe) shortens nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asyncmigrate._readers.colour import (
    COLOUR_OF_STANDING,
    MARKS,
    PLAIN,
    Marks,
    Painter,
    mark_of_standing,
)
from asyncmigrate._readers.text import escape, pad, shorten, spell_duration
from asyncmigrate._readers.text import width as cells
from asyncmigrate.results import HistoryEntry, MigrationStatus, Standing, Status

_GAP: Final = "  "
_LEAST: Final = 8
"""Cells below which no column shrinks."""
_REPEATABLE: Final = "repeatable/"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, its cells, and whether it may shrink."""

    heading: str
    values: Sequence[str]
    shrinks: bool = False
    right: bool = False
    colours: Sequence[str] = ()
    """The colour of each cell; none when empty."""
    optional: int = 0
    """Left out, the highest first, when shrinking is not enough; 0 is never."""

    @property
    def natural(self) -> int:
        """Cells that it would like."""
        return max([cells(self.heading), *map(cells, self.values)])


@dataclass(frozen=True, slots=True)
class TableView:
    """How tables are shown: in how many cells, with which marks, coloured or not."""

    paint: Painter = PLAIN
    width: int | None = None
    marks: Marks = MARKS

    def render(self, columns: Sequence[Column]) -> list[str]:
        """The table's lines, the heading first. A column without a value is left out."""
        columns = [c for c in columns if any(c.values)]
        if not columns:
            return []
        columns, widths = self._fit(columns)
        heading = _GAP.join(
            pad(shorten(c.heading, w), w, right=c.right)
            for c, w in zip(columns, widths, strict=True)
        )
        lines = [self.paint(heading.rstrip(), "bold")]
        for row in range(len(columns[0].values)):
            parts = []
            for column, room in zip(columns, widths, strict=True):
                text = shorten(column.values[row], room)
                fill = pad(text, room, right=column.right)
                colour = column.colours[row] if column.colours else ""
                parts.append(
                    fill.replace(text, self.paint(text, colour), 1) if colour else fill
                )
            lines.append(_GAP.join(parts).rstrip())
        return lines

    def _fit(self, columns: list[Column]) -> tuple[list[Column], list[int]]:
        while True:
            widths = [column.natural for column in columns]
            if self.width is None:
                return columns, widths
            over = sum(widths) + len(_GAP) * (len(widths) - 1) - self.width
            while over > 0:
                able = [
                    i
                    for i, column in enumerate(columns)
                    if column.shrinks and widths[i] > _LEAST
                ]
                if not able:
                    break
                widest = max(able, key=lambda i: widths[i])
                widths[widest] -= 1
                over -= 1
            spare = max(columns, key=lambda column: column.optional)
            if over <= 0 or not spare.optional:
                return columns, widths
            columns = [column for column in columns if column is not spare]

    def status(self, status: Status) -> str:
        """How every migration stands, who holds the lock, and the sum."""
        rows = status.migrations
        lines = self.render(
            [
                Column(
                    "",
                    [mark_of_standing(m.status, self.marks) for m in rows],
                    colours=[COLOUR_OF_STANDING[m.status] for m in rows],
                ),
                Column("version", [_label(m)[0] for m in rows], shrinks=True),
                Column("name", [_label(m)[1] for m in rows], shrinks=True),
                Column(
                    "status",
                    [m.status.value for m in rows],
                    colours=[COLOUR_OF_STANDING[m.status] for m in rows],
                ),
                Column(
                    "applied at (UTC)",
                    [spell_time(m.applied_at) for m in rows],
                    optional=1,
                ),
                Column(
                    "took",
                    [spell_took(m.execution_time_ms) for m in rows],
                    right=True,
                    optional=2,
                ),
            ]
        )
        if lines:
            lines.append("")
        lines.append(self.sum_of(status))
        if status.lock is not None:
            held = spell_duration(status.lock.held_for)
            lines.append(f"locked for {held} by {escape(str(status.lock))}")
        for problem in status.problems:
            label = self.paint("problem:", "red")
            lines.append(f"{label} {escape(problem, keep=chr(10))}")
        return "\n".join(lines)

    def sum_of(self, status: Status) -> str:
        """One line: how many stand how."""
        parts = [f"{status.applied} applied", f"{status.pending} pending"]
        for standing in (
            Standing.MODIFIED,
            Standing.MISSING,
            Standing.AHEAD,
            Standing.RUNNING,
            Standing.FAILED,
        ):
            number = sum(m.status is standing for m in status.migrations)
            if number:
                parts.append(
                    self.paint(f"{number} {standing}", COLOUR_OF_STANDING[standing])
                )
        text = ", ".join(parts)
        if status.last_applied is not None:
            text += f"; the newest applied is {escape(status.last_applied)}"
        if status.namespace != "default":
            text += f"; namespace {escape(status.namespace)}"
        return text

    def history(self, entries: Sequence[HistoryEntry]) -> str:
        """The audit trail, as it came about."""
        lines = self.render(
            [
                Column("at (UTC)", [spell_time(e.at) for e in entries]),
                Column(
                    "what",
                    [escape(e.what) for e in entries],
                    colours=[_colour(e) for e in entries],
                ),
                Column("version", [_label(e)[0] for e in entries], shrinks=True),
                Column("name", [_label(e)[1] for e in entries], shrinks=True),
                Column(
                    "took",
                    [spell_took(e.execution_time_ms) for e in entries],
                    right=True,
                    optional=1,
                ),
                Column(
                    "by",
                    [escape(e.actor or "") for e in entries],
                    shrinks=True,
                    optional=2,
                ),
                Column(
                    "release",
                    [escape(e.release or "") for e in entries],
                    shrinks=True,
                    optional=3,
                ),
                Column(
                    "detail", [escape(e.detail or "") for e in entries], shrinks=True
                ),
            ]
        )
        if not lines:
            return "nothing was ever applied here"
        number = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
        return "\n".join([*lines, "", number])


def _label(row: MigrationStatus | HistoryEntry) -> tuple[str, str]:
    """Version and name; a repeatable is known by its path, which its version is."""
    version = row.version or ""
    path = version.removeprefix(_REPEATABLE)
    if path != version or (isinstance(row, MigrationStatus) and row.repeatable):
        return "repeatable", escape(path)
    return escape(version), escape(row.name or "")


def spell_time(at: datetime | None) -> str:
    """A point in time in UTC, to the second; nothing when it is not known."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def spell_took(milliseconds: int | None) -> str:
    """A duration; nothing when it is not known."""
    return "" if milliseconds is None else spell_duration(milliseconds / 1000)


def _colour(entry: HistoryEntry) -> str:
    known = {"up": "green", "down": "cyan", "failed": "red", "running": "yellow"}
    return known.get(entry.what, "")
