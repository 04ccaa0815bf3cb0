"""The live display of a terminal: what runs, what it waits for, how far it is.

A migration that is done becomes a line that stays; only the few lines about the one
that runs are drawn again and again, so that a thousand migrations scroll like any
log. They are drawn from a thread: a Python migration that blocks the loop does not
stop the clock.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Self, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from asyncmigrate import events
from asyncmigrate._nouns import Direction
from asyncmigrate._readers import frames
from asyncmigrate._readers.colour import marks_for
from asyncmigrate._readers.lines import colour_of, is_grave
from asyncmigrate._readers.text import escape, shorten, spell_clock, spell_duration

_FRAMES: Final = 10
"""A second."""
_MARGIN: Final = 3
"""Cells left free at the right end: there a terminal echoes ``^C``, which must not wrap
into a row more than was drawn."""
_STALE: Final = 3.0
"""Seconds after which a sample that was not repeated is over."""
_SAMPLES: Final = (events.OthersBlocked, events.Progressed, events.TableLockWaiting)
_NOTED: Final = (
    *_SAMPLES,
    events.Connecting,
    events.LockWaiting,
    events.MigrationRetried,
    events.StatementFinished,
)
"""Shown while they hold, and gone with what they are about."""


class _Redrawn(Live):
    """Draws over what was drawn before, on a terminal that has been made narrower.

    Such a terminal has wrapped our lines: they take up more rows than were written,
    and those have to be wiped too.
    """

    def __init__(self, drawn: "Display", console: Console) -> None:
        super().__init__(
            drawn,
            console=console,
            transient=True,
            refresh_per_second=_FRAMES,
            vertical_overflow="crop",
        )
        self._drawn = drawn

    def process_renderables(
        self, renderables: list[ConsoleRenderable]
    ) -> list[ConsoleRenderable]:
        """Wipe the rows that wrapping added, then go on as usual."""
        added = self._drawn.rows_added_by_wrapping()
        rows = super().process_renderables(renderables)
        if not added:
            return rows
        up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * added
        return [Control(ControlType.CARRIAGE_RETURN, *up), *rows]


class Display(AbstractContextManager["Display"]):
    """Shows events on a terminal while it is entered."""

    def __init__(
        self,
        stream: TextIO,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(
            file=stream,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal=True,  # whoever made us has looked
            force_interactive=True,
        )
        self._clock = clock
        self._marks = marks_for(getattr(stream, "encoding", None))
        self._lock = threading.RLock()
        self._began = clock()
        self._steps = 0
        self._done = 0
        self._over = False
        self._current: events.MigrationStarted | None = None
        self._current_since = 0.0
        self._notes: dict[str, tuple[float, events.Event]] = {}
        self._drawn: list[int] = []
        """Cells of each line that stands drawn."""
        self._live = _Redrawn(self, self._console)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._over = True
        self._live.stop()

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        with self._lock:
            lasting = self._take(event)
        if lasting is not None:
            self._console.print(lasting)

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """The lines about what goes on, as they are now."""
        with self._lock:
            lines = self.lines(options.max_width - _MARGIN)
            self._drawn = [line.cell_len for line in lines]
        yield Text("\n").join(lines)

    def rows_added_by_wrapping(self) -> int:
        """How many rows more than lines the last drawing takes up by now."""
        room = max(self._console.width, 1)
        with self._lock:
            return sum(max(cells - 1, 0) // room for cells in self._drawn)

    # What stays.

    def _take(self, event: events.Event) -> Text | None:
        self._notes.pop(events.Connecting.name, None)
        if isinstance(event, _NOTED):
            if isinstance(event, events.MigrationRetried):
                self._notes.clear()
            self._notes[event.name] = self._clock(), event
            return None
        match event:
            case events.Planned():
                self._steps = event.steps
            case events.LockAcquired():
                self._notes.clear()
            case events.MigrationStarted():
                self._start(event)
            case (
                events.MigrationApplied()
                | events.MigrationRolledBack()
                | events.MigrationErred()
            ):
                return self._finish(event)
            case events.Finished():
                self._over = True
            case _:
                indent = "" if is_grave(event) else "  "
                return Text(f"{indent}{escape(str(event))}", style=colour_of(event))
        return None

    def _start(self, event: events.MigrationStarted) -> None:
        retried = events.MigrationRetried.name
        kept = self._notes.get(retried) if event.attempt > 1 else None
        self._notes = {} if kept is None else {retried: kept}
        self._steps = max(self._steps, event.total)
        if self._current is None or event.attempt == 1:
            self._current_since = self._clock()
        self._current = event

    def _finish(
        self,
        event: (
            events.MigrationApplied | events.MigrationRolledBack | events.MigrationErred
        ),
    ) -> Text:
        tries = self._current.attempt if self._current else 1
        self._current = None
        self._notes.clear()
        if isinstance(event, events.MigrationErred):
            mark, colour, right = self._marks.failed, "red", "failed"
        else:
            self._done = event.number
            mark, colour = self._marks.done, "green"
            right = spell_duration(event.duration)
            if isinstance(event, events.MigrationRolledBack):
                mark, colour = self._marks.undone, "cyan"
                if event.source != "file":
                    right = f"stored DOWN, {right}"
        if tries > 1:
            right = f"{tries} tries, {right}"
        row = frames.Row(mark, colour, event.version, event.title, right)
        return row.draw(self._console.width - _MARGIN)

    # What changes.

    def lines(self, room: int) -> list[Text]:
        """What is drawn now, each line at most *room* cells wide."""
        look = frames.Look(self._clock(), room, self._marks)
        if self._over:
            return []
        lines: list[Text] = []
        if self._current is not None:
            lines.append(self._running(self._current, look).draw(room))
        elif not self._notes and not self._done:
            text = shorten(f"{look.spinner} looking at the database", max(room, 1))
            lines.append(Text(text, style="dim"))
        for at, event in self._notes.values():
            age = look.now - at
            if age < _STALE or not isinstance(event, _SAMPLES):
                lines += frames.note(event, age, look)
        if self._steps > 1:
            elapsed = look.now - self._began
            lines.append(frames.overall(self._done, self._steps, elapsed, look))
        return lines

    def _running(
        self, current: events.MigrationStarted, look: frames.Look
    ) -> frames.Row:
        title = current.title
        if current.direction is Direction.DOWN:
            title += " (rolling back)"
        if current.attempt > 1:
            title += f" (try {current.attempt})"
        elapsed = spell_clock(look.now - self._current_since)
        return frames.Row(look.spinner, "cyan", current.version, title, elapsed)
