"""Colour for plain lines and tables; the live display has its own.

Every colour repeats what a mark or a word says already.
"""

from dataclasses import dataclass
from typing import Final

from asyncmigrate.results import Outcome, Standing

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
    "error": "1;31",
}


@dataclass(frozen=True, slots=True)
class Marks:
    """One character for each thing that can become of a migration."""

    done: str = "✓"
    undone: str = "↓"
    failed: str = "✗"
    skipped: str = "·"
    warning: str = "!"
    running: str = "▸"


MARKS: Final = Marks()
ASCII_MARKS: Final = Marks(
    done="+", undone="-", failed="x", skipped=".", warning="!", running=">"
)


def marks_for(encoding: str | None) -> Marks:
    """The marks that a stream of that encoding can show."""
    try:
        "✓↓✗·▸…━".encode(encoding or "ascii")
    except (LookupError, UnicodeError):
        return ASCII_MARKS
    return MARKS


@dataclass(frozen=True, slots=True)
class Painter:
    """Paints, or leaves everything as it is."""

    enabled: bool = False

    def __call__(self, text: str, colour: str) -> str:
        """*text* in a colour."""
        if not self.enabled or not text:
            return text
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


PLAIN: Final = Painter()

COLOUR_OF_OUTCOME: Final = {
    Outcome.APPLIED: "green",
    Outcome.ROLLED_BACK: "cyan",
    Outcome.SKIPPED: "dim",
    Outcome.FAILED: "red",
}
COLOUR_OF_STANDING: Final = {
    Standing.APPLIED: "green",
    Standing.PENDING: "yellow",
    Standing.MISSING: "red",
    Standing.MODIFIED: "red",
    Standing.AHEAD: "cyan",
    Standing.RUNNING: "cyan",
    Standing.FAILED: "red",
}


def mark_of_standing(standing: Standing, marks: Marks) -> str:
    """The mark beside a migration's status."""
    return {
        Standing.APPLIED: marks.done,
        Standing.PENDING: marks.skipped,
        Standing.MISSING: marks.failed,
        Standing.MODIFIED: marks.failed,
        Standing.AHEAD: marks.done,
        Standing.RUNNING: marks.running,
        Standing.FAILED: marks.failed,
    }[standing]
