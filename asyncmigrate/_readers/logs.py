"""Events as log records: JSON lines for a collector, or a `logging.Logger`'s own."""

import json
import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TextIO

from asyncmigrate import events
from asyncmigrate._readers.document import error_entry
from asyncmigrate._readers.lines import is_grave
from asyncmigrate.errors import MigrationError

if TYPE_CHECKING:
    import logging

_DEBUG: Final = 10
_INFO: Final = 20
_WARNING: Final = 30
_ERROR: Final = 40
_WORDS: Final = {
    _DEBUG: "debug",
    _INFO: "info",
    _WARNING: "warning",
    _ERROR: "error",
}


def level_of(event: events.Event) -> int:
    """The level of the standard library that an event deserves."""
    if isinstance(event, events.MigrationErred):
        return _ERROR
    if is_grave(event) or isinstance(
        event,
        events.MigrationRetried
        | events.OthersBlocked
        | events.TableLockWaiting
        | events.Unattended,
    ):
        return _WARNING
    if isinstance(event, events.Progressed | events.StatementFinished):
        return _DEBUG
    return _INFO


def fields_of(value: object) -> Any:  # noqa: ANN401 - what JSON can carry has no narrower type
    """A dataclass, and what is in it, as what JSON can carry."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: fields_of(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [fields_of(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


class JsonLines:
    """Writes events, and how it ended, as JSON objects, one a line."""

    def __init__(
        self,
        stream: TextIO,
        *,
        verbose: bool = False,
        quiet: bool = False,
        redact: Callable[[str], str] = str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stream = stream
        self._least = _WARNING if quiet else _DEBUG if verbose else _INFO
        self._redact = redact
        self._clock = clock

    def __call__(self, event: events.Event) -> None:
        """Write one event."""
        level = level_of(event)
        if level >= self._least:
            self._write(level, event.name, str(event), fields_of(event))

    def warning(self, message: str) -> None:
        """Write a warning that is no event."""
        self._write(_WARNING, events.Warned.name, message, {})

    def error(self, error: MigrationError, trace: str | None = None) -> None:
        """Write how the command failed."""
        more = error_entry(error)
        message = more.pop("message")
        if trace:
            more["traceback"] = trace
        self._write(_ERROR, "command.failed", message, more)

    def _write(self, level: int, name: str, message: str, more: dict[str, Any]) -> None:
        now = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
        record = {
            "time": now.replace("+00:00", "Z"),
            "level": _WORDS[level],
            "event": name,
        }
        record |= {key: value for key, value in more.items() if key not in record}
        record["message"] = message
        self._stream.write(self._redact(json.dumps(record)) + "\n")
        self._stream.flush()


class LoggerReader:
    """Passes events on to a logger of the host application.

    The message is the event's line; the event itself is the record's ``migration``,
    its stable name the record's ``event``. It configures nothing.
    """

    def __init__(self, logger: "logging.Logger") -> None:
        self._logger = logger

    def __call__(self, event: events.Event) -> None:
        """Log one event."""
        self._logger.log(
            level_of(event),
            "%s",
            event,
            extra={"event": event.name, "migration": event},
        )
