"""What a program calls: ``await migrate(dsn)`` and its siblings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from asyncmigrate import _api
from asyncmigrate._settings import Connect, Settings, from_arguments
from asyncmigrate.errors import Conflict
from asyncmigrate.events import Emit
from asyncmigrate.results import (
    AdoptionReport,
    HistoryEntry,
    MigrationReport,
    RepairAction,
    Status,
)

Directory = str | Path | Sequence[str | Path]


class Options(TypedDict, total=False):
    """The settings that every call takes by keyword; see `Settings` for each."""

    connect: Connect
    format: str
    skip: Sequence[str]
    placeholders: Mapping[str, str]
    namespace: str
    tracking_schema: str
    lock_wait: float | str
    lease_ttl: float | str
    lock_timeout: float | str
    lock_retries: int
    block_limit: float | str | None
    statement_timeout: float | str
    concurrent_timeout: float | str
    cleanup_grace: float | str
    wait_for_database: float | str
    store_scripts: str
    readers: Sequence[str]
    role: str
    allow_out_of_order: bool
    allow_pooler: bool
    single_transaction: bool
    release: str


async def migrate(
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    target: str | None = None,
    dry_run: bool = False,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> MigrationReport:
    """Apply every pending migration of *directory*, oldest first.

    Promises:
        At most one run applies migrations to a namespace of a database at a time. A
        migration is applied and recorded, or neither. With nothing pending: one
        connection, one round trip, no lock, no write.

    Waits:
        Up to ``lock_wait`` seconds (300) for another run, with growing pauses. A
        waiter holds no snapshot, so it blocks no index build.

    Cancellation:
        Safe at any moment. The statement is cancelled, its transaction rolled back,
        the lock released, within ``cleanup_grace`` seconds (5); else the connection is
        cut and the server does the same. What had committed stays and is recorded.
        The results are lost with the call: ask `status`.

    Args:
        dsn: URL of the database; what it leaves out comes from ``PG*`` variables.
            Null with ``connect=``.
        directory: a path, ``package:myapp/migrations``, or a sequence of them.
        target: the version to stop at; null is the newest.
        dry_run: only plan; the report has each migration with its SQL.
        on_event: called with every `asyncmigrate.events.Event`, in this loop.
        options: any setting, by its name; see `Settings`.

    Raises:
        MigrationError: see `asyncmigrate.errors` for the whole tree.

    Source:
        _engine/README.md I1 to I9; PostgreSQL manual 13.3.5, Advisory Locks.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_migrate(
        settings, target=target, dry_run=dry_run, emit=on_event
    )


async def rollback(  # noqa: PLR0913 - the contract's arguments
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    steps: int | None = None,
    target: str | None = None,
    last_run: bool = False,
    dry_run: bool = False,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> MigrationReport:
    """Undo the newest *steps* (1), everything newer than *target*, or the last run.

    Promises:
        Each DOWN comes from its file, else from the database, and the result says
        which. Without a DOWN for each of them nothing is touched. Repeatables that
        have a DOWN are undone before and applied again afterwards.

    Cancellation:
        As `migrate`. Repeatables that were undone by then are pending: the next
        `migrate` applies them again.

    Raises:
        NotReversible: one of them has no DOWN, or was there before (`baseline`).
        MigrationError: see `asyncmigrate.errors` for the whole tree.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_rollback(
        settings,
        steps=steps,
        target=target,
        last_run=last_run,
        dry_run=dry_run,
        emit=on_event,
    )


async def redo(
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> MigrationReport:
    """Undo the newest migration and apply it again, in one run.

    Promises:
        As `rollback`. Nothing else that is pending is applied.

    Cancellation:
        As `rollback`. The migration itself is pending when it was undone by then.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_redo(settings, emit=on_event)


async def status(
    dsn: str | None = None,
    directory: Directory = "migrations",
    **options: Unpack[Options],
) -> Status:
    """What is applied, pending, missing or modified, and who holds the lock.

    Nothing is written and no lock is taken; SELECT on the tracking tables is enough.

    Raises:
        DatabaseUnusable: it cannot be reached, or the history not be read.
    """
    return await _api.read_status(settings_of(dsn, directory, options))


async def wait_until_current(
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    timeout: float = 300.0,  # noqa: ASYNC109 - it ends with an error of its own
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> Status:
    """Return when somebody has applied everything; applies nothing itself.

    Raises:
        CheckFailed: it was not current after *timeout* seconds.
        ConflictsFound: files and history disagree: it never will be.
        NeedsRepair: a migration stands half done.
        PrivilegeMissing: the rights to look were missing all the time.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_wait(settings, timeout=timeout, emit=on_event)


async def history(
    dsn: str | None = None, **options: Unpack[Options]
) -> tuple[HistoryEntry, ...]:
    """The audit trail, oldest first: migrations, roll-backs, repairs, take-overs."""
    return await _api.read_history(settings_of(dsn, "migrations", options))


async def validate(
    dsn: str | None = None,
    directory: Directory = "migrations",
    **options: Unpack[Options],
) -> tuple[Conflict, ...]:
    """Every conflict of files and history; without *dsn*, of the files alone."""
    return await _api.run_validate(settings_of(dsn, directory, options))


async def baseline(
    version: str,
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> MigrationReport:
    """Mark everything up to *version* as applied, on a database that has it already.

    Raises:
        UnknownVersion: there is no such version.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_baseline(settings, version, emit=on_event)


async def adopt(  # noqa: PLR0913 - the contract's arguments
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    tool: str | None = None,
    at: str | None = None,
    dry_run: bool = False,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> AdoptionReport:
    """Take over what another tool has applied; runs none of it, and is harmless twice.

    Promises:
        The other tool's table is read and never written to. Files are held against the
        tool's checksums, where it keeps any. All rows are written in one transaction,
        under our own lock and the other tool's.

    Waits:
        Up to ``lock_wait`` seconds for our own lock, and as long again for the tool's.

    Cancellation:
        As `migrate`.

    Args:
        dsn: URL of the database; see `migrate`.
        directory: see `migrate`.
        tool: ``TOOL``, ``TOOL:TABLE`` or ``TOOL:SCHEMA.TABLE``; null finds the one
            history that there is.
        at: our version up to which files count as applied, for files that are not the
            tool's own; ``V=HEAD`` has it checked that the tool stands at HEAD.
        dry_run: only look; the report has the mapping in either case.
        on_event: see `migrate`.
        options: any setting, by its name; see `Settings`.

    Raises:
        ConflictsFound: with every point on which files and history disagree.
        InvalidUsage: there is no history to take over, or more than one.
        DatabaseUnusable: it cannot be read, or is not known.
        LockNotAcquired: the other tool was at work all the time.

    Source:
        docs/adopting.md: of each tool, what is read, verified, locked and trusted.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_adopt(
        settings, tool=tool, at=at, dry_run=dry_run, emit=on_event
    )


async def repair(  # noqa: PLR0913 - the contract's arguments
    action: RepairAction,
    versions: Sequence[str] = (),
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    dry_run: bool = False,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> MigrationReport:
    """Settle a half-done migration or an accepted edit; runs none of them.

    Raises:
        UnknownVersion: there is no such version.
        InvalidUsage: there is nothing of that kind to settle.
    """
    settings = settings_of(dsn, directory, options)
    return await _api.run_repair(
        settings, action, versions, dry_run=dry_run, emit=on_event
    )


def settings_of(dsn: str | None, directory: Directory, options: Options) -> Settings:
    """Settings from the arguments that every call takes.

    Raises:
        InvalidSetting: an option does not exist, or not with that value.
    """
    many = [directory] if isinstance(directory, (str, Path)) else directory
    given: dict[str, object] = {"directory": tuple(map(str, many)), **options}
    if dsn is not None:
        given["dsn"] = str(dsn)
    return from_arguments(given)
