"""What a run comes to, once it is over: the sum, and where the time went."""

from collections.abc import Callable
from typing import Final

from asyncmigrate._readers.colour import PLAIN, Painter
from asyncmigrate._readers.text import escape, pad, plural, shorten, spell_duration
from asyncmigrate.results import MigrationReport, MigrationResult, Outcome

_SLOWEST: Final = 3
_MANY: Final = 4
"""Migrations from which on the slowest of them are told."""
_SLOW: Final = 0.1
"""Seconds below which none is called slow."""


def summary(
    report: MigrationReport, *, paint: Painter = PLAIN, width: int | None = None
) -> str:
    """One line for the sum; under it the slowest, where there are many."""
    written = len(texts_of(report, "written"))
    done = [r for r in report if r.status.stands]
    if report.dry_run:
        return f"dry run: {_would(report)}; nothing was changed"
    if not done and not written:
        return "nothing to do"
    parts = []
    for outcome, word in (
        (Outcome.ROLLED_BACK, "rolled back"),
        (Outcome.APPLIED, "applied"),
    ):
        number = sum(r.status is outcome for r in done)
        if number:
            parts.append(f"{plural(number, 'migration')} {word}")
    if written:
        parts.append(f"{entries(written)} written")
    if not done:
        return paint(parts[0], "green")
    total = spell_duration(sum(r.duration for r in done))
    lines = [f"{paint(', '.join(parts), 'green')} in {total}"]
    slow = sorted(done, key=lambda r: r.duration, reverse=True)[:_SLOWEST]
    slow = [r for r in slow if r.duration >= _SLOW]
    if len(done) >= _MANY and slow:
        times = [spell_duration(r.duration) for r in slow]
        room = max(map(len, times))
        lines.append("the slowest:")
        for result, took in zip(slow, times, strict=True):
            line = f"  {pad(took, room, right=True)}  {escape(result.version)} {escape(result.name)}"
            lines.append(line if width is None else shorten(line, width))
    return "\n".join(lines)


def texts_of(report: MigrationReport, key: str) -> list[str]:
    """What a command adds to its report under that key, as sentences."""
    texts = report.details.get(key)
    return [str(text) for text in texts] if isinstance(texts, list | tuple) else []


def entries(number: int) -> str:
    """``1 history entry``, ``2 history entries``."""
    return "1 history entry" if number == 1 else f"{number} history entries"


def _would(report: MigrationReport) -> str:
    up = sum(r.direction == "up" for r in report)
    parts = []
    if len(report) - up:
        parts.append(f"{plural(len(report) - up, 'migration')} would be rolled back")
    if up:
        parts.append(f"{plural(up, 'migration')} would be applied")
    writes = len(texts_of(report, "writes"))
    if writes:
        parts.append(f"{entries(writes)} would be written")
    return ", ".join(parts) or "nothing to do"


def script(result: MigrationResult, *, shown: Callable[[str], str] = str) -> str:
    """One migration of a dry run: a header comment, then its SQL, ready to read."""
    title = f"{escape(result.version)} {escape(result.name)}".rstrip()
    where = ""
    if result.source != "file":
        where = " (the DOWN stored in the database)"
    elif result.file:
        where = f" ({escape(result.file)})"
    undo = "" if result.direction == "up" else ", rolled back"
    head = f"-- {title}{undo}{where}"
    if result.sql is None:
        return f"{head}: Python, which runs its own statements\n"
    return f"{head}\n{shown(result.sql.strip())}\n"
