"""What became of one migration: its events, and its result in the report."""

import time

from asyncmigrate._engine.context import Run
from asyncmigrate._plan import Apply, Step
from asyncmigrate.errors import MigrationError
from asyncmigrate.events import (
    MigrationApplied,
    MigrationErred,
    MigrationRolledBack,
    MigrationStarted,
    StatementFinished,
)
from asyncmigrate.results import MigrationResult, Outcome


def begin_step(step: Step, run: Run) -> None:
    """Say that a migration begins."""
    run.number = len(run.results) + 1
    say_started(step, run)


def say_started(step: Step, run: Run, attempt: int = 1) -> None:
    """Say that a try of a migration begins."""
    run.current = step.version
    run.emit(
        MigrationStarted(
            version=step.version,
            title=step.name,
            direction=step.direction,
            number=run.number,
            total=run.total,
            attempt=attempt,
        )
    )


def told_statement(step: Step, run: Run, number: int, total: int, began: float) -> None:
    """Say that one statement is done, wherever statements are run one by one."""
    run.emit(
        StatementFinished(
            version=step.version,
            number=number,
            total=total,
            duration=time.monotonic() - began,
        )
    )


def finish_step(step: Step, run: Run, duration: float, attempts: int) -> None:
    """Say that a migration stands, or stands no more; *duration* in seconds."""
    up = isinstance(step, Apply)
    source = "file" if isinstance(step, Apply) else step.source
    run.current = None
    run.results.append(
        MigrationResult(
            version=step.version,
            name=step.name,
            direction=step.direction,
            status=Outcome.APPLIED if up else Outcome.ROLLED_BACK,
            duration=duration,
            attempts=attempts,
            file=step.part.file,
            source=source,
        )
    )
    if up:
        run.emit(
            MigrationApplied(
                version=step.version,
                title=step.name,
                duration=duration,
                number=run.number,
                total=run.total,
            )
        )
    else:
        run.emit(
            MigrationRolledBack(
                version=step.version,
                title=step.name,
                duration=duration,
                number=run.number,
                total=run.total,
                source=source,
            )
        )


def fail_step(step: Step, run: Run, error: MigrationError) -> None:
    """Say that a migration failed."""
    run.current = None
    run.results.append(
        MigrationResult(
            version=step.version,
            name=step.name,
            direction=step.direction,
            status=Outcome.FAILED,
            error=error.message,
            file=step.part.file,
        )
    )
    run.emit(
        MigrationErred(
            version=step.version,
            title=step.name,
            error=error.message,
            sqlstate=error.sqlstate,
            number=run.number,
            total=run.total,
        )
    )
