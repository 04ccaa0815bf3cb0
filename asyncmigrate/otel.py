"""Telemetry: a reader of the event stream that makes spans and metrics of it.

::

    with MigrationTelemetry() as telemetry:
        await migrate(dsn, on_event=telemetry)

One span for the run, which is the current one inside the block, and one for each
migration, named by OpenTelemetry's conventions for databases. The extra
``asyncmigrate[otel]`` brings the API alone; without an SDK nothing is recorded.
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from asyncmigrate._migration import Direction
from asyncmigrate._version import __version__
from asyncmigrate.errors import MigrationError
from asyncmigrate.events import (
    Event,
    Finished,
    LockAcquired,
    LockWaiting,
    MigrationApplied,
    MigrationErred,
    MigrationRetried,
    MigrationRolledBack,
    MigrationStarted,
    Planned,
    Progressed,
    StatementFinished,
)

__all__ = ["MigrationTelemetry"]

Value = str | int | float | bool

_SCOPE: Final = "asyncmigrate"
_SYSTEM: Final = {"db.system.name": "postgresql"}
_FREQUENT: Final = (Progressed, StatementFinished)
"""Too many of them for a span's events."""


@dataclass(slots=True)
class _Open:
    """A migration that is under way."""

    span: Span
    direction: str
    began: float


class MigrationTelemetry:
    """Spans and metrics of one run; a new one for each."""

    def __init__(
        self,
        *,
        attributes: Mapping[str, Value] | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Make the instruments.

        Args:
            attributes: added to every span, such as ``db.namespace`` and
                ``server.address``.
            tracer_provider: the global one by default.
            meter_provider: the global one by default.
        """
        self._attributes = {**_SYSTEM, **(attributes or {})}
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider)
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider)
        self._durations = meter.create_histogram(
            "asyncmigrate.migration.duration",
            unit="s",
            description="How long a migration took, the attempt that counted.",
        )
        self._lock_waits = meter.create_histogram(
            "asyncmigrate.lock.wait",
            unit="s",
            description="How long a run waited for the lock.",
        )
        self._retries = meter.create_counter(
            "asyncmigrate.migration.retries",
            unit="{retry}",
            description="Tries that were given up and rolled back, to be tried again.",
        )
        self._scope: AbstractContextManager[Span] | None = None
        self._run: Span | None = None
        self._open: dict[str, _Open] = {}
        self._waited: float | None = None

    def __enter__(self) -> Self:
        """Begin the run's span, and make it the current one."""
        self._scope = self._tracer.start_as_current_span(
            "asyncmigrate run",
            attributes=self._attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
        self._run = self._scope.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every span, and say how the run ended."""
        for version in list(self._open):
            self._end(version, "unknown")
        if self._waited is not None:
            self._lock_waits.record(self._waited, {"asyncmigrate.outcome": "left"})
            self._waited = None
        run, scope = self._run, self._scope
        self._run = self._scope = None
        if run is None or scope is None:
            return
        if error is not None:
            _fail(run, error)
        scope.__exit__(None, None, None)

    def __call__(self, event: Event) -> None:
        """Take in one event. Outside of the block nothing is recorded."""
        if self._run is None:
            return
        match event:
            case Planned():
                self._run.set_attribute("asyncmigrate.run_id", event.run_id)
                self._run.set_attribute("asyncmigrate.planned", event.steps)
            case LockWaiting():
                self._waited = event.waited
            case LockAcquired():
                outcome = {"asyncmigrate.outcome": "acquired"}
                self._lock_waits.record(event.waited, outcome)
                self._waited = None
            case MigrationStarted() if event.version not in self._open:
                self._begin(event)
                return
            case MigrationRetried():
                self._retries.add(1, _sqlstate(event.sqlstate))
            case MigrationApplied() | MigrationRolledBack():
                outcome_word = event.name.rpartition(".")[2]
                self._end(event.version, outcome_word, event.duration)
                return
            case MigrationErred():
                self._fail_migration(event)
                return
            case Finished():
                self._run.set_attribute("asyncmigrate.applied", event.applied)
                self._run.set_attribute("asyncmigrate.rolled_back", event.rolled_back)
                return
            case _:
                pass
        self._note(event)

    def _begin(self, event: MigrationStarted) -> None:
        up = event.direction is Direction.UP
        verb = "apply" if up else "roll back"
        span = self._tracer.start_span(
            f"{verb} {event.version}",
            kind=SpanKind.CLIENT,
            attributes={
                **self._attributes,
                "db.operation.name": verb,
                "db.query.summary": f"{verb} {event.version}",
                "asyncmigrate.version": event.version,
                "asyncmigrate.name": event.title,
                "asyncmigrate.direction": event.direction.value,
                "asyncmigrate.number": event.number,
            },
        )
        self._open[event.version] = _Open(span, event.direction.value, time.monotonic())

    def _note(self, event: Event) -> None:
        """Keep the event's line with the migration that it is about, or the run."""
        if isinstance(event, _FREQUENT):
            return
        about = self._open.get(getattr(event, "version", None) or "")
        span = about.span if about else self._run
        if span is not None:
            more = _sqlstate(getattr(event, "sqlstate", None))
            span.add_event(event.name, {"message": str(event), **more})

    def _fail_migration(self, event: MigrationErred) -> None:
        opened = self._open.get(event.version)
        if opened is not None:
            opened.span.set_status(Status(StatusCode.ERROR, event.error))
            opened.span.set_attributes(_sqlstate(event.sqlstate))
            opened.span.set_attribute("error.type", event.sqlstate or "failed")
        self._end(event.version, "failed")

    def _end(self, version: str, outcome: str, duration: float | None = None) -> None:
        opened = self._open.pop(version, None)
        if opened is None:
            return
        took = time.monotonic() - opened.began if duration is None else duration
        about = {
            **_SYSTEM,
            "asyncmigrate.direction": opened.direction,
            "asyncmigrate.outcome": outcome,
        }
        self._durations.record(took, about)
        opened.span.set_attribute("asyncmigrate.outcome", outcome)
        opened.span.end()


def _sqlstate(sqlstate: str | None) -> dict[str, Value]:
    return {"db.response.status_code": sqlstate} if sqlstate else {}


def _fail(span: Span, error: BaseException) -> None:
    """How the run ended, as the error of the tree tells it."""
    if isinstance(error, MigrationError):
        span.set_status(Status(StatusCode.ERROR, error.message))
        span.set_attribute("error.type", error.code)
        span.set_attributes(_sqlstate(error.sqlstate))
        return
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    span.set_attribute("error.type", type(error).__qualname__)
