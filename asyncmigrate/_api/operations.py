"""Settings in, the rooms wired, a result out: what the command calls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from asyncmigrate._api.running import in_run
from asyncmigrate._engine import reading
from asyncmigrate._engine.adopt_job import Adopt
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.jobs import Baseline, Job, Migrate, Repair, Rollback
from asyncmigrate._engine.prepare import diffs_of
from asyncmigrate._engine.run import plan_job, run_job
from asyncmigrate._layouts import read_directory, read_listing
from asyncmigrate._layouts.layout import Source
from asyncmigrate._layouts.naming import new_files, next_version
from asyncmigrate._layouts.revision import Repository
from asyncmigrate._migration import Definition, Problem, Unreadable
from asyncmigrate._plan import (
    Branch,
    MigrateWish,
    RollbackWish,
    compare_branches,
    problems_as_conflicts,
)
from asyncmigrate._plan.old_tables import read_wish
from asyncmigrate._settings import Settings
from asyncmigrate.errors import Conflict, ConflictsFound, InvalidUsage
from asyncmigrate.events import Emit
from asyncmigrate.results import (
    AdoptionReport,
    HistoryEntry,
    MigrationReport,
    MigrationResult,
    Outcome,
    RepairAction,
    Status,
)

T = TypeVar("T")


def read_source(settings: Settings) -> Source:
    """List the migrations that *settings* name."""
    return read_directory(
        settings.directory, format=settings.format, skip=settings.skip
    )


def _filled(settings: Settings) -> Source:
    """The directory, which must hold something: a wrong mount looks like an empty one.

    Raises:
        ConflictsFound: there is not one file in it.
    """
    source = read_source(settings)
    if source.files or source.problems:
        return source
    directory = ", ".join(settings.directory)
    raise ConflictsFound(
        [
            Conflict(
                kind="empty",
                message=f"there are no migrations in {directory}",
                hint="give the right `--directory`, or write the first migration with"
                " `asyncmigrate new NAME`",
            )
        ]
    )


async def do(
    job: Job, settings: Settings, emit: Emit | None, *, dry_run: bool
) -> MigrationReport:
    """Do *job*, or only plan it."""

    async def work(run: Run) -> MigrationReport:
        if not dry_run:
            return await run_job(job, run)
        ready = await plan_job(job, run)
        results = tuple(
            MigrationResult(
                version=step.version,
                name=step.name,
                direction=step.direction,
                status=Outcome.SKIPPED,
                sql=None if step.part.python else step.part.text,
                file=step.part.file,
                source=getattr(step, "source", "file"),
            )
            for step in ready.plan.steps
        )
        details: dict[str, object] = {}
        writes = [write for write in ready.plan.writes if not write.tells_only]
        if writes:
            details["found"] = [write.found for write in writes]
            details["writes"] = [write.detail for write in writes]
            details["diffs"] = diffs_of(ready)
        return MigrationReport(
            results=results,
            warnings=tuple(run.warnings),
            dry_run=True,
            details=details,
        )

    return await in_run(settings, emit, work)


def migration_job(settings: Settings, target: str | None = None) -> Migrate:
    """The job of `run_migrate`; what is wrong with the directory is told at once."""
    wish = MigrateWish(target=target, allow_out_of_order=settings.allow_out_of_order)
    return Migrate(_filled(settings), wish)


async def run_rollback(  # noqa: PLR0913 - the command's options
    settings: Settings,
    *,
    steps: int | None = None,
    target: str | None = None,
    last_run: bool = False,
    dry_run: bool = False,
    emit: Emit | None = None,
) -> MigrationReport:
    """Undo what was applied; see `rollback`."""
    if (steps is not None) + (target is not None) + last_run > 1:
        message = "give one of steps, target and the last run"
        raise InvalidUsage(message)
    if steps is not None and steps < 1:
        message = f"{steps} is no number of migrations to roll back"
        raise InvalidUsage(message, hint="give a number from 1 on")
    wish = RollbackWish(steps=steps, target=target, last_run=last_run)
    job = Rollback(_filled(settings), wish)
    return await do(job, settings, emit, dry_run=dry_run)


async def run_redo(
    settings: Settings, *, dry_run: bool = False, emit: Emit | None = None
) -> MigrationReport:
    """Undo the newest migration and apply it again."""
    job = Rollback(_filled(settings), RollbackWish(redo=True))
    return await do(job, settings, emit, dry_run=dry_run)


async def run_baseline(
    settings: Settings,
    version: str,
    *,
    dry_run: bool = False,
    emit: Emit | None = None,
) -> MigrationReport:
    """Mark everything up to *version* as there already; see `baseline`."""
    job = Baseline(_filled(settings), version)
    return await do(job, settings, emit, dry_run=dry_run)


async def run_adopt(
    settings: Settings,
    *,
    tool: str | None = None,
    at: str | None = None,
    dry_run: bool = False,
    emit: Emit | None = None,
) -> AdoptionReport:
    """Take over what another tool has applied; see `adopt`."""
    wish = read_wish(tool, at, allow_out_of_order=settings.allow_out_of_order)
    job = Adopt(_filled(settings), wish)
    report = await do(job, settings, emit, dry_run=dry_run)
    assert job.decided is not None  # noqa: S101 - no run ends well without
    return AdoptionReport(
        results=report.results,
        run_id=report.run_id,
        warnings=report.warnings,
        dry_run=report.dry_run,
        details=report.details,
        tool=job.decided.adoption.tool,
        table=job.decided.adoption.place,
        mapping=job.decided.mapping,
    )


async def run_repair(  # noqa: PLR0913 - the command's options
    settings: Settings,
    action: RepairAction,
    versions: Sequence[str] = (),
    *,
    renames: Mapping[str, str] | None = None,
    dry_run: bool = False,
    emit: Emit | None = None,
) -> MigrationReport:
    """Settle what a person must decide; see `repair`."""
    job = Repair(_filled(settings), action, tuple(versions), renames or {})
    return await do(job, settings, emit, dry_run=dry_run)


async def read_status(settings: Settings) -> Status:
    """How the database stands; see `status`."""
    source = read_source(settings)
    return await in_run(settings, None, lambda run: reading.read_status(source, run))


async def run_wait(
    settings: Settings,
    *,
    timeout: float,  # noqa: ASYNC109 - it ends with an error of its own
    emit: Emit | None = None,
) -> Status:
    """Wait until the database is current; see `wait_until_current`."""
    source = read_source(settings)
    return await in_run(
        settings, emit, lambda run: reading.wait_until_current(source, run, timeout)
    )


async def read_history(settings: Settings) -> tuple[HistoryEntry, ...]:
    """The audit trail, oldest first."""
    return await in_run(settings, None, reading.read_trail)


async def read_script(settings: Settings, version: str) -> str:
    """The texts that the database keeps of *version*."""
    return await in_run(
        settings, None, lambda run: reading.read_stored_script(run, version)
    )


async def run_validate(settings: Settings) -> tuple[Conflict, ...]:
    """Every conflict of files and history; without a DSN, of the files alone."""
    source = read_source(settings)
    if settings.dsn is None and settings.connect is None:
        return tuple(problems_as_conflicts(reading.problems_of(source)))
    return await in_run(settings, None, lambda run: reading.find_conflicts(source, run))


def validate_against(settings: Settings, reference: str) -> tuple[Conflict, ...]:
    """What merging this work tree into *reference* would break; needs git alone.

    Since the merge base: files edited (token by token), renamed or removed, new
    versions below the newest of *reference*, one version on both branches. Paths in
    the result are relative to where this process stands.

    Raises:
        InvalidUsage: the reference cannot be resolved; never a pass.
    """
    found: list[Conflict] = []
    for directory in settings.directory:
        if directory.startswith("package:"):
            message = f"{directory} is no folder of a git repository"
            raise InvalidUsage(message, hint="give a path with `--directory`")
        repository = Repository(directory)
        theirs = repository.listing(repository.commit(reference))
        base = repository.listing(repository.merge_base(reference))
        source = read_directory([directory], format=settings.format, skip=settings.skip)
        named = settings.format or source.layout
        conflicts = problems_as_conflicts(source.problems)
        ours, problems = _branch(source)
        conflicts += problems_as_conflicts(problems)
        conflicts += compare_branches(
            ours,
            _branch(read_listing(base, format=named))[0],
            _branch(read_listing(theirs, format=named))[0],
            reference,
        )
        top = directory.rstrip("/")
        found += [
            replace(each, file=f"{top}/{each.file}") if each.file else each
            for each in conflicts
        ]
    return tuple(found)


def _branch(source: Source) -> tuple[Branch, list[Problem]]:
    definitions: dict[str, Definition] = {}
    problems: list[Problem] = []
    for file in source.files:
        try:
            definitions[file.key] = file.define()
        except Unreadable as error:
            problems += error.problems
    return Branch(source.files, definitions), problems


def create_migration(
    settings: Settings, name: str, *, python: bool = False, pair: bool = False
) -> tuple[str, ...]:
    """Write a new migration with the next version; the paths of its files.

    Raises:
        InvalidUsage: no name can be made of *name*, or the directory is no folder of
            this disk; a file of that name is there already.
    """
    directory = settings.directory[0]
    if directory.startswith("package:"):
        message = f"nothing can be written to {directory}"
        raise InvalidUsage(message, hint="give a path with `--directory`")
    path = Path(directory)
    existing = []
    if path.exists():
        files = read_source(settings).files
        existing = [file.label for file in files if file.version]
    version = next_version(existing, datetime.now(tz=UTC))
    texts = new_files(version, name, python=python, pair=pair)
    path.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        with (path / file).open("x", encoding="utf-8") as opened:
            opened.write(text)
    return tuple(str(path / file) for file in texts)
