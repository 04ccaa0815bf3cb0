"""How the live display draws: events and moments in, lines of text out.

No line is wider than the room it is given. What cannot be shown whole is shortened:
a migration's name before its version, a blocker's query before its process id.
"""

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Final

from rich.text import Text

from asyncmigrate import events
from asyncmigrate._nouns import Blocker
from asyncmigrate._readers.colour import ASCII_MARKS, MARKS, Marks
from asyncmigrate._readers.text import (
    escape,
    pad,
    plural,
    shorten,
    spell_clock,
    spell_duration,
)
from asyncmigrate._readers.text import width as cells

_WIDEST: Final = 100
"""Cells after which the elapsed time would be too far from what it belongs to."""
_BAR: Final = 24
_BLOCKERS: Final = 3
"""How many are shown one by one."""
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES: Final = "|/-\\"
_PER_SECOND: Final = 10


@dataclass(frozen=True, slots=True)
class Look:
    """The moment that is drawn."""

    now: float
    """Seconds, of the display's clock."""
    room: int
    """Cells of a line."""
    marks: Marks = MARKS

    @property
    def spinner(self) -> str:
        """The turning character, as it is now."""
        frames = _ASCII_FRAMES if self.marks is ASCII_MARKS else _FRAMES
        return frames[int(self.now * _PER_SECOND) % len(frames)]

    def cut(self, text: str, colour: str = "") -> Text:
        """One line of text, shortened if need be."""
        return Text(shorten(escape(text), max(self.room, 1)), style=colour)


@dataclass(frozen=True, slots=True)
class Row:
    """One line about a migration, with something at its right end."""

    mark: str
    colour: str
    version: str
    title: str
    right: str

    def draw(self, room: int) -> Text:
        """The line: the title gives way first, then the version."""
        left = min(room, _WIDEST) - cells(self.mark) - 1 - cells(self.right) - 2
        version = shorten(escape(self.version), max(left, 1))
        # A repeatable's path has its name in it already.
        title = "" if "/" in self.version else escape(self.title)
        title = shorten(title, max(left - cells(version) - 1, 0))
        return Text.assemble(
            (self.mark, self.colour),
            " ",
            (version, "bold"),
            pad(f" {title}" if title else "", left - cells(version)),
            "  ",
            (self.right, "dim"),
        )


def overall(done: int, total: int, elapsed: float, look: Look) -> Text:
    """How far the whole run is."""
    tail = f" {done} of {total}, {spell_clock(elapsed)}"
    if look.room < _BAR + cells(tail) + 2:
        return look.cut(tail.lstrip())
    return Text.assemble("  ", _blocks(done, total, look.marks), (tail, "dim"))


@singledispatch
def note(event: events.Event, age: float, look: Look) -> list[Text]:
    """What an event means for now, *age* seconds after it happened."""
    del age
    return [look.cut(f"    {event}")]


@note.register
def _(event: events.Connecting, age: float, look: Look) -> list[Text]:
    waited = spell_clock(event.waited + age)
    head = f"{look.spinner} waiting for the database ({waited}): {event.error}"
    return [look.cut(head)]


@note.register
def _(event: events.LockWaiting, age: float, look: Look) -> list[Text]:
    waited = spell_clock(event.waited + age)
    held = spell_clock(event.held_for + age)
    return [
        look.cut(f"{look.spinner} waiting for the lock ({waited})"),
        look.cut(f"    held for {held} by {event.holder}", "yellow"),
    ]


@note.register
def _(event: events.TableLockWaiting, age: float, look: Look) -> list[Text]:
    waited = spell_clock(event.waited + age)
    head = look.cut(f"    waiting {waited} for a table lock, held by", "yellow")
    return [head, *_sessions(event.blockers, look)]


@note.register
def _(event: events.OthersBlocked, age: float, look: Look) -> list[Text]:
    longest = spell_clock(event.longest + age)
    held = plural(len(event.blocked), "session")
    head = f"    holding up {held}, the longest for {longest}"
    if event.limit is not None:
        head += f" of {spell_duration(event.limit)} allowed"
    return [look.cut(head, "yellow"), *_sessions(event.blocked, look)]


@note.register
def _(event: events.MigrationRetried, age: float, look: Look) -> list[Text]:
    head = f"    try {event.attempt} of {event.of} was rolled back: {event.reason}"
    if event.retry_in <= age:  # by now others may be in the way
        return [look.cut(head, "yellow")]
    head += f"; again in {spell_clock(event.retry_in - age)}"
    return [look.cut(head, "yellow"), *_sessions(event.blockers, look)]


@note.register
def _(event: events.StatementFinished, age: float, look: Look) -> list[Text]:
    del age
    head = f"statement {event.number} of {event.total} done"
    return [_bar(head, event.number, event.total, look)]


@note.register
def _(event: events.Progressed, age: float, look: Look) -> list[Text]:
    del age
    lines = [_bar(event.phase, event.done, event.total, look)]
    if event.waiting_for:
        lines.append(look.cut("    waiting for the transactions of", "yellow"))
        lines += _sessions(event.waiting_for, look)
    return lines


def _sessions(sessions: tuple[Blocker, ...], look: Look) -> list[Text]:
    if len(sessions) == 1 and sessions[0].query:
        who, query = replace(sessions[0], query=None), sessions[0].query
        doing = f"      {who.verb} {' '.join(query.split())}"
        return [look.cut(f"      {who}", "dim"), look.cut(doing, "dim")]
    lines = [look.cut(f"      {each}", "dim") for each in sessions[:_BLOCKERS]]
    if len(sessions) > _BLOCKERS:
        rest = f"      and {len(sessions) - _BLOCKERS} more"
        lines.append(look.cut(rest, "dim"))
    return lines


def _blocks(done: int, total: int, marks: Marks) -> Text:
    """A bar of fixed width."""
    full, empty = ("#", ".") if marks is ASCII_MARKS else ("━", "─")
    filled = _BAR * min(done, total) // total if total else 0
    return Text.assemble((full * filled, "green"), (empty * (_BAR - filled), "dim"))


def _bar(label: str, done: int, total: int, look: Look) -> Text:
    if not total:
        return look.cut(f"    {label}")
    share = f" {100 * min(done, total) // total:3} %"
    space = look.room - 4 - _BAR - len(share) - 1
    if space < _BAR // 2:
        return look.cut(f"    {share.strip()} {label}")
    text = shorten(escape(label), space)
    return Text.assemble("    ", _blocks(done, total, look.marks), f"{share} {text}")
