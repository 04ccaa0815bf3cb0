import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from asyncmigrate.errors import ConflictsFound, LockNotAcquired, MigrationFailed
from asyncmigrate.events import LockWaiting, Notice
from asyncmigrate.otel import MigrationTelemetry
from tests.kit.app import App
from tests.kit.databases import Database
from tests.kit.polling import eventually


class Recorder:
    """The SDK, keeping what it is given in memory."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._metrics = InMemoryMetricReader()
        self.meters = MeterProvider([self._metrics])

    def telemetry(self, **options: Any) -> MigrationTelemetry:
        return MigrationTelemetry(
            tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Those that have ended, by name."""
        return {span.name: span for span in self._spans.get_finished_spans()}

    @property
    def metrics(self) -> dict[str, list[Any]]:
        """The data points of each instrument, by its name."""
        data = self._metrics.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def app(database: Database) -> App:
    return App(database)


async def test_a_run_is_a_span_and_each_migration_a_span_below_it(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_users="CREATE TABLE users (id int);", _0002_more="SELECT 1;")

    with recorder.telemetry(attributes={"db.namespace": "shop"}) as telemetry:
        report = await app.migrate(on_event=telemetry)

    run, first = recorder.spans["asyncmigrate run"], recorder.spans["apply 0001"]
    assert set(recorder.spans) == {"asyncmigrate run", "apply 0001", "apply 0002"}
    assert run.parent is None
    assert first.parent is not None
    assert first.parent.span_id == run.context.span_id
    assert first.kind is SpanKind.CLIENT
    attributes = dict(first.attributes or {})
    assert attributes["db.system.name"] == "postgresql"
    assert attributes["db.namespace"] == "shop"
    assert attributes["db.operation.name"] == "apply"
    assert attributes["asyncmigrate.version"] == "0001"
    assert attributes["asyncmigrate.name"] == "users"
    assert attributes["asyncmigrate.outcome"] == "applied"
    of_run = dict(run.attributes or {})
    assert of_run["asyncmigrate.run_id"] == report.run_id
    assert of_run["asyncmigrate.applied"] == 2
    assert run.status.status_code is StatusCode.UNSET


async def test_an_error_carries_its_sqlstate_in_the_migrations_span_and_the_runs(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_users="CREATE TABLE users (id int);", _0002_bad="SELECT 1 / 0;")

    with (
        pytest.raises(MigrationFailed),
        recorder.telemetry() as telemetry,
    ):
        await app.migrate(on_event=telemetry)

    bad, run = recorder.spans["apply 0002"], recorder.spans["asyncmigrate run"]
    assert bad.status.status_code is run.status.status_code is StatusCode.ERROR
    assert dict(bad.attributes or {})["db.response.status_code"] == "22012"
    assert dict(bad.attributes or {})["error.type"] == "22012"
    assert dict(run.attributes or {})["db.response.status_code"] == "22012"
    assert dict(run.attributes or {})["error.type"] == "migration_failed"
    assert "division by zero" in (bad.status.description or "")


async def test_a_run_that_never_began_is_a_span_with_the_reason(
    app: App, recorder: Recorder
) -> None:
    with (
        pytest.raises(ConflictsFound),
        recorder.telemetry() as telemetry,
    ):
        await app.migrate(on_event=telemetry)

    (run,) = recorder.spans.values()
    assert dict(run.attributes or {})["error.type"] == "conflicts_found"


async def test_a_run_that_is_cancelled_ends_its_spans(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_slow="SELECT pg_sleep(30);")

    async def run() -> None:
        with recorder.telemetry() as telemetry:
            await app.migrate(on_event=telemetry)

    task = asyncio.create_task(run())
    await eventually(lambda: _sleeps(app))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert set(recorder.spans) == {"asyncmigrate run", "apply 0001"}
    attributes = dict(recorder.spans["asyncmigrate run"].attributes or {})
    assert attributes["error.type"] == "CancelledError"


async def _sleeps(app: App) -> bool:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event = 'PgSleep'"
    )
    return bool(await app.database.fetchval(query))


async def test_a_roll_back_is_told_apart(app: App, recorder: Recorder) -> None:
    app.add(_0001_a="-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;")
    await app.migrate()

    with recorder.telemetry() as telemetry:
        await app.rollback(on_event=telemetry)

    attributes = dict(recorder.spans["roll back 0001"].attributes or {})
    assert attributes["asyncmigrate.direction"] == "down"
    assert attributes["asyncmigrate.outcome"] == "rolled_back"


async def test_the_runs_span_is_the_current_one_in_the_block_alone(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_a="SELECT 1;")
    before = get_current_span()

    with recorder.telemetry():
        inside = get_current_span()

    assert inside.get_span_context().is_valid
    assert get_current_span() is before
    assert inside is not before


async def test_durations_lock_waits_and_retries_are_measured(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_a="CREATE TABLE a (id int);")
    await app.migrate()
    app.add(_0002_b="ALTER TABLE a ADD COLUMN b int;")
    holder = await app.database.connect()
    await holder.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")

    with recorder.telemetry() as telemetry:
        run = asyncio.create_task(
            app.migrate(on_event=telemetry, lock_timeout=0.1, lock_retries=50)
        )
        await eventually(lambda: _count(recorder))
        await holder.execute("ROLLBACK")
        await run

    metrics = recorder.metrics
    (duration,) = metrics["asyncmigrate.migration.duration"]
    (waited,) = metrics["asyncmigrate.lock.wait"]
    (retries,) = metrics["asyncmigrate.migration.retries"]
    assert duration.count == 1
    assert duration.attributes["asyncmigrate.outcome"] == "applied"
    assert waited.attributes == {"asyncmigrate.outcome": "acquired"}
    assert retries.value >= 1
    assert retries.attributes == {"db.response.status_code": "55P03"}
    span = recorder.spans["apply 0002"]
    assert "migration.retried" in {event.name for event in span.events}


async def _count(recorder: Recorder) -> bool:
    return "asyncmigrate.migration.retries" in recorder.metrics


async def test_a_lock_that_was_not_to_be_had_is_measured_as_well(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_slow="SELECT pg_sleep(30);")
    first = asyncio.create_task(app.migrate())
    await eventually(lambda: _sleeps(app))

    with (
        pytest.raises(LockNotAcquired),
        recorder.telemetry() as telemetry,
    ):
        await app.migrate(on_event=telemetry, lock_wait=0.5)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    (waited,) = recorder.metrics["asyncmigrate.lock.wait"]
    assert waited.attributes == {"asyncmigrate.outcome": "left"}
    (run,) = recorder.spans.values()
    assert LockWaiting.name in {event.name for event in run.events}


async def test_what_the_server_says_stands_with_the_migration_that_made_it_say_so(
    app: App, recorder: Recorder
) -> None:
    app.add(
        _0001_quiet="SELECT 1;",
        _0002_loud="""
            DO $$ BEGIN
              RAISE NOTICE 'three rows were left out';
              RAISE WARNING 'and one was odd' USING ERRCODE = '01X01';
            END $$;
        """,
    )

    with recorder.telemetry() as telemetry:

        def both(event: Any) -> None:
            telemetry(event)
            app.events.append(event)

        await app.migrate(on_event=both)

    notices = [event for event in app.events if isinstance(event, Notice)]
    assert [(n.version, n.severity, n.message, n.sqlstate) for n in notices] == [
        ("0002", "NOTICE", "three rows were left out", "00000"),
        ("0002", "WARNING", "and one was odd", "01X01"),
    ]
    loud = [event.name for event in recorder.spans["apply 0002"].events]
    quiet = [event.name for event in recorder.spans["apply 0001"].events]
    assert loud.count(Notice.name) == 2
    assert Notice.name not in quiet


async def test_outside_of_the_block_nothing_is_recorded(
    app: App, recorder: Recorder
) -> None:
    app.add(_0001_a="SELECT 1;")
    telemetry = recorder.telemetry()

    await app.migrate(on_event=telemetry)

    assert recorder.spans == {}


@pytest.mark.parametrize(
    ("module", "door"), [("opentelemetry", "otel"), ("starlette", "fastapi")]
)
def test_a_door_loads_what_it_stands_on_only_when_it_is_opened(
    module: str, door: str
) -> None:
    shut = f"import asyncmigrate._api, sys; print({module!r} in sys.modules)"
    opened = f"import asyncmigrate.{door}, sys; print({module!r} in sys.modules)"

    said = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.strip()
        for script in (shut, opened)
    ]

    assert said == ["False", "True"]
