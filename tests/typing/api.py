"""What the library's users see keeps its types. Checked, never executed."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import asyncmigrate
from asyncmigrate.errors import Conflict, ConflictsFound, MigrationError
from asyncmigrate.events import Event, MigrationApplied
from asyncmigrate.results import (
    AdoptedMigration,
    AdoptionReport,
    HistoryEntry,
    MigrationReport,
    MigrationResult,
    MigrationStatus,
    Outcome,
    RepairAction,
    Standing,
    Status,
)
from asyncmigrate.testing import MigrationAt, StagedDatabase

if TYPE_CHECKING:
    import asyncpg


async def connect() -> "asyncpg.Connection[asyncpg.Record]":
    raise NotImplementedError


def on_event(event: Event) -> None:
    assert_type(event.name, str)
    if isinstance(event, MigrationApplied):
        assert_type(event.duration, float)


async def migrating() -> None:
    report = await asyncmigrate.migrate("postgresql://h/d")
    assert_type(report, MigrationReport)
    assert_type(report[0], MigrationResult)
    assert_type(report[1:], tuple[MigrationResult, ...])
    assert_type([result.version for result in report], list[str])
    assert_type(report.run_id, str | None)
    assert_type(report.warnings, tuple[str, ...])
    assert_type(report[0].status, Outcome)
    assert_type(report[0].execution_time_ms, int)

    await asyncmigrate.migrate(
        "postgresql://h/d",
        Path("migrations"),
        target="3",
        dry_run=True,
        on_event=on_event,
        namespace="mine",
        lock_wait="5min",
        lease_ttl=30,
        block_limit=None,
        readers=["app"],
        single_transaction=True,
    )
    await asyncmigrate.migrate(directory=["a", Path("b")], connect=connect)
    await asyncmigrate.migrate(nonsense=1)  # type: ignore[call-arg]
    await asyncmigrate.migrate(lock_retries="many")  # type: ignore[arg-type]
    await asyncmigrate.migrate("postgresql://h/d", "migrations", "3")  # type: ignore[call-arg]


async def undoing() -> None:
    assert_type(await asyncmigrate.rollback(steps=2), MigrationReport)
    assert_type(await asyncmigrate.rollback(target="0"), MigrationReport)
    assert_type(await asyncmigrate.rollback(last_run=True), MigrationReport)
    assert_type(await asyncmigrate.redo(), MigrationReport)
    assert_type(await asyncmigrate.baseline("3"), MigrationReport)
    adopted = await asyncmigrate.adopt(tool="goose", at="3", dry_run=True)
    assert_type(adopted, AdoptionReport)
    assert_type(adopted.mapping, tuple[AdoptedMigration, ...])
    repaired = await asyncmigrate.repair(RepairAction.MARK_APPLIED, ["3"])
    assert_type(repaired, MigrationReport)


async def asking() -> None:
    status = await asyncmigrate.status("postgresql://h/d")
    assert_type(status, Status)
    assert_type(status.migrations, tuple[MigrationStatus, ...])
    assert_type(status.migrations[0].status, Standing)
    assert_type(status.migrations[0].applied_at, datetime | None)
    assert_type(status.healthy, bool)
    assert_type(status.last_applied, str | None)
    assert_type(await asyncmigrate.wait_until_current(timeout=5.0), Status)
    assert_type(await asyncmigrate.history(), tuple[HistoryEntry, ...])
    assert_type(await asyncmigrate.validate(), tuple[Conflict, ...])


async def failing() -> None:
    try:
        await asyncmigrate.migrate()
    except ConflictsFound as error:
        assert_type(error.conflicts, tuple[Conflict, ...])
    except MigrationError as error:
        assert_type(error.results, tuple[MigrationResult, ...])
        assert_type(error.line, int | None)
        assert_type(error.hint, str | None)
        assert_type(error.exit_status, int)


async def staging(migration_at: MigrationAt) -> None:
    database = migration_at("0001")
    assert_type(database, StagedDatabase)
    assert_type(database.dsn, str)
    assert_type(await database.step(), MigrationReport)
    assert_type(database.step_sync("0003"), MigrationReport)
    assert_type(await database.connection.execute("SELECT 1"), str)


factory: Callable[[], Awaitable[object]] = connect
