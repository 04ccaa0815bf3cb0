"""A plain line for each event: for logs, pipes and terminals that can do no more.

Events that repeat themselves (waiting, progress) are said when they have something
new to say. With ``verbose`` all are, each with the time of day.
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TextIO

from asyncmigrate import events
from asyncmigrate._readers.colour import Painter
from asyncmigrate._readers.text import escape

_STEP: Final = 10.0
"""Seconds until a wait or a progress that only went on is mentioned again."""
_OFTEN: Final = 1.0
"""The same for a database that does not answer: a line a second says it is alive."""
_REPEATING: Final = (
    events.Connecting,
    events.LockWaiting,
    events.OthersBlocked,
    events.Progressed,
    events.TableLockWaiting,
)
_GRAVE: Final = frozenset({"WARNING", "ERROR", "FATAL", "PANIC"})


class Lines:
    """Writes events to a stream, one line each."""

    def __init__(
        self,
        stream: TextIO,
        *,
        verbose: bool = False,
        quiet: bool = False,
        paint: Painter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._verbose = verbose
        self._quiet = quiet
        self._paint = paint or Painter()
        self._clock = clock
        self._said: dict[tuple[object, ...], float] = {}

    def __call__(self, event: events.Event) -> None:
        """Write the line of *event*, unless it says nothing new."""
        if not self._wanted(event):
            return
        line = self._paint(escape(str(event)), colour_of(event))
        if self._verbose:
            now = datetime.now(UTC).strftime("%H:%M:%S.%f")[:-3]
            line = f"{self._paint(now, 'dim')} {line}"
        self._stream.write(line + "\n")
        self._stream.flush()

    def _wanted(self, event: events.Event) -> bool:
        if self._quiet:
            return is_grave(event)
        if self._verbose:
            return True
        if isinstance(event, events.LockAcquired):
            return event.waited >= 1
        if isinstance(event, events.Planned):
            return event.steps > 0
        if isinstance(event, _REPEATING):
            return self._is_news(event)
        # The summary, on the other stream, says that it is finished.
        return not isinstance(event, events.Finished)

    def _is_news(self, event: events.Event) -> bool:
        now, subject = self._clock(), _subject(event)
        step = _OFTEN if isinstance(event, events.Connecting) else _STEP
        if now - self._said.get(subject, -math.inf) < step:
            return False
        self._said[subject] = now
        return True


def is_grave(event: events.Event) -> bool:
    """Whether it is worth a line even to somebody who asked for quiet."""
    if isinstance(event, events.Notice):
        return event.severity.upper() in _GRAVE
    return isinstance(
        event, events.Warned | events.LockTakenOver | events.ConnectionLost
    )


def _subject(event: events.Event) -> tuple[object, ...]:
    """What a repeated event is about; something else is news at once."""
    version = getattr(event, "version", None)
    if isinstance(event, events.Progressed):
        return event.name, version, event.phase
    if isinstance(event, events.LockWaiting):
        return event.name, event.holder
    if isinstance(event, events.TableLockWaiting):
        return event.name, version, tuple(b.pid for b in event.blockers)
    return event.name, version


def colour_of(event: events.Event) -> str:
    """The colour of an event's line; the words say the same."""
    if isinstance(event, events.MigrationApplied):
        return "green"
    if isinstance(event, events.MigrationRolledBack):
        return "cyan"
    if isinstance(event, events.MigrationErred):
        return "red"
    if is_grave(event) or isinstance(
        event,
        events.LockWaiting
        | events.TableLockWaiting
        | events.MigrationRetried
        | events.OthersBlocked
        | events.Unattended,
    ):
        return "yellow"
    return "dim"
