"""Reading only: status, history, stored scripts, and waiting until all is done."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import anyio

from asyncmigrate._database import history as history_sql
from asyncmigrate._database import lock, probe
from asyncmigrate._database.probe import Probed
from asyncmigrate._database.session import Row, Session
from asyncmigrate._engine.adopting import growth
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.jobs import read_definitions
from asyncmigrate._engine.looking import (
    NOTHING_THERE,
    look,
    look_by,
    require_readable,
)
from asyncmigrate._engine.opening import open_reading_session
from asyncmigrate._engine.prepare import with_diffs
from asyncmigrate._engine.scope import answered_within, told_as_errors
from asyncmigrate._engine.scripts import make_ready
from asyncmigrate._layouts.layout import Source
from asyncmigrate._migration import (
    Applied,
    Definition,
    Direction,
    History,
    Holder,
    MigrationFile,
    Problem,
    State,
    order_of,
)
from asyncmigrate._plan import (
    Apply,
    compare,
    conflicts_of,
    problems_as_conflicts,
    warnings_of,
)
from asyncmigrate._plan.compare import needed
from asyncmigrate.errors import (
    CheckFailed,
    Conflict,
    ConflictsFound,
    DatabaseUnreachable,
    DatabaseUnusable,
    InvalidUsage,
    NeedsRepair,
)
from asyncmigrate.results import HistoryEntry, MigrationStatus, Standing, Status

Times = dict[int, tuple[datetime | None, int | None]]


async def read_status(source: Source, run: Run) -> Status:
    """How the database stands against *source*; nothing is written.

    Raises:
        DatabaseUnusable: it cannot be reached, or the history not be read.
    """
    async with open_reading_session(run, run.settings.wait_for_database) as session:
        with answered_within(session, run.answer_limit):
            probed = await _probe(session)
            grown = await growth(source, session, probed.looked.history)
        status = _status_of(probed, source, run)
        return replace(status, warnings=(*status.warnings, *grown))


async def probe_on(session: Session, source: Source, run: Run) -> Status:
    """The same in one query, on a session that may be borrowed: nothing is set.

    Whether another tool's history has grown is not asked: a question that the server
    refuses would end the transaction that the session may be in.

    Raises:
        DatabaseUnusable: the history cannot be read, or the connection was lost.
    """
    return _status_of(await _probe(session), source, run)


async def _probe(session: Session) -> Probed:
    with told_as_errors():
        probed = await look_by(session, probe.probe)
        if probed is not None:
            require_readable(session, probed.looked)
            return probed
        found = await lock.read_holder(session, row=False)
        holder = found[0] if found else None
        return Probed(looked=NOTHING_THERE, times={}, holder=holder)


def _status_of(probed: Probed, source: Source, run: Run) -> Status:
    return make_status(
        source,
        probed.looked.history,
        dict(probed.times),
        probed.holder,
        namespace=run.settings.namespace,
        allow_out_of_order=run.settings.allow_out_of_order,
    )


def make_status(  # noqa: PLR0913 - everything that a status is made of
    source: Source,
    history: History,
    times: Times,
    holder: Holder | None,
    *,
    namespace: str,
    allow_out_of_order: bool,
) -> Status:
    """Put files, history and lock side by side."""
    definitions, problems = read_definitions(source, history)
    found = compare(source.files, history, definitions)
    conflicts = problems_as_conflicts(problems)
    conflicts += conflicts_of(found, allow_out_of_order=allow_out_of_order)
    edited = {row.version_key for _, row in found.edited}
    missing = {row.version_key for row in found.missing}
    missing |= {row.version_key for row, _ in found.renamed}
    ahead = {row.version_key for row in found.ahead}
    rows = {row.version_key: row for row in (*history.rows, *history.repeatables)}
    changed = {file.key for file in found.repeatables}

    def standing(row: Applied) -> Standing:
        if row.state is not State.APPLIED:
            running = row.state is State.RUNNING and holder is not None
            return Standing.RUNNING if running else Standing.FAILED
        if row.version_key in edited:
            return Standing.MODIFIED
        if row.version_key in missing:
            return Standing.MISSING
        if row.version_key in ahead:
            return Standing.AHEAD
        return Standing.PENDING if row.version_key in changed else Standing.APPLIED

    def of_row(row: Applied) -> MigrationStatus:
        at, took = times.get(row.id, (None, None))
        return MigrationStatus(
            version=row.version,
            name=row.name,
            status=standing(row),
            applied_at=at,
            execution_time_ms=took,
            file=row.file,
            repeatable=row in history.repeatables,
        )

    def of_file(file: MigrationFile) -> MigrationStatus:
        under_way = holder is not None and holder.current_version == file.label
        return MigrationStatus(
            version=file.label,
            name=file.name,
            status=Standing.RUNNING if under_way else Standing.PENDING,
            file=file.file,
            repeatable=file.version is None,
        )

    versioned = [(row.order, of_row(row)) for row in history.rows]
    versioned += [
        (order_of(file.key), of_file(file))
        for file in source.files
        if file.version and file.key not in rows
    ]
    versioned.sort(key=lambda pair: pair[0])
    repeatables = [of_row(row) for row in history.repeatables]
    repeatables += [
        of_file(file)
        for file in source.files
        if not file.version and file.key not in rows
    ]
    half = [
        f"migration {row.version} stands half done: {row.how_far}; {_remedy(row)}"
        for row in history.rows
        if row.state is State.FAILED
    ]
    return Status(
        namespace=namespace,
        migrations=(*(status for _, status in versioned), *repeatables),
        lock=holder,
        warnings=(*source.warnings, *warnings_of(found)),
        problems=(*map(str, conflicts), *half),
    )


def _remedy(row: Applied) -> str:
    """What settles a migration that failed half way."""
    if row.undecided or not row.has_place:
        return "look at what it left, then `asyncmigrate repair`"
    if row.direction is Direction.DOWN:
        return "correct its DOWN from there on, then `asyncmigrate rollback`"
    return "correct the file from there on, then `asyncmigrate migrate`"


def problems_of(source: Source) -> list[Problem]:
    """Everything that is wrong with the files alone; each is parsed."""
    _, problems = read_definitions(source, History(), source.files)
    return problems


async def find_conflicts(source: Source, run: Run) -> tuple[Conflict, ...]:
    """Everything on which files and history disagree; nothing is written."""
    async with open_reading_session(run, run.settings.wait_for_database) as session:
        with answered_within(session, run.answer_limit):
            seen = await look(session)
        definitions, problems = read_definitions(source, seen.history, source.files)
        found = compare(source.files, seen.history, definitions)
        conflicts = problems_as_conflicts(problems)
        conflicts += conflicts_of(
            found, allow_out_of_order=run.settings.allow_out_of_order
        )
        conflicts += _refused(source, seen.history, definitions, run)
        with answered_within(session, run.answer_limit):
            shown = await with_diffs(conflicts, source, session, seen.history)
        return tuple(shown)


def _refused(
    source: Source,
    history: History,
    definitions: Mapping[str, Definition],
    run: Run,
) -> list[Conflict]:
    """What a run would refuse of the scripts that are still to be run.

    Not of one whose placeholders have no values here: they may have some there.
    """
    standing = {row.version_key for row in history.rows}
    refused: list[Conflict] = []
    for file in needed(source.files, history):
        if file.key in standing or file.key not in definitions:
            continue
        ready, found = make_ready(
            Apply(file=file, definition=definitions[file.key]), run.settings
        )
        refused += [] if ready.filled.problems else found
    return refused


async def read_trail(run: Run) -> tuple[HistoryEntry, ...]:
    """The audit trail, oldest first."""
    rows: list[Row] = []
    async with open_reading_session(run, run.settings.wait_for_database) as session:
        with answered_within(session, run.answer_limit):
            if (await look(session)).history.exists:
                rows = await history_sql.read_trail(session)
    return tuple(
        HistoryEntry(
            at=datetime.fromisoformat(row[0] or "").replace(tzinfo=UTC),
            what=row[1] or "",
            version=row[2],
            name=row[3],
            actor=row[4],
            run_id=row[5],
            release=row[6],
            execution_time_ms=int(row[7]) if row[7] is not None else None,
            detail=row[8],
        )
        for row in rows
    )


async def read_stored_script(run: Run, version: str) -> str:
    """The texts that the database keeps of *version*, UP and DOWN.

    Raises:
        InvalidUsage: there is no such version, or nothing is stored of it.
    """
    async with open_reading_session(run, run.settings.wait_for_database) as session:
        with answered_within(session, run.answer_limit):
            seen = await look(session)
        rows: Sequence[Applied] = (*seen.history.rows, *seen.history.repeatables)
        row = next((r for r in rows if version in {r.version, r.version_key}), None)
        if row is None:
            message = f"there is no version {version} in the history"
            raise InvalidUsage(message, hint="`asyncmigrate history` lists what is")
        wanted = {sum_ for sum_ in (row.checksum, row.down_checksum) if sum_}
        with answered_within(session, run.answer_limit):
            stored = await history_sql.read_scripts(session, wanted) if wanted else {}
    up, down = stored.get(row.checksum or ""), stored.get(row.down_checksum or "")
    if up is None and down is None:
        message = f"no text of {row.version} is stored"
        raise InvalidUsage(
            message, hint="texts of Python migrations and marks never are"
        )
    parts = [f"-- UP\n{up}"] if up is not None else []
    parts += [f"-- DOWN\n{down}"] if down is not None else []
    return "\n\n".join(parts)


async def wait_until_current(source: Source, run: Run, limit: float) -> Status:
    """Return when nothing is pending; needs SELECT alone.

    Raises:
        ConflictsFound: it can never become current, since files and history disagree.
        NeedsRepair: a migration stands failed.
        CheckFailed: it was not current after *limit* seconds.
        DatabaseUnusable: it could not be used, or the rights were missing, at the end.
    """
    seen = _Seen()
    # Neither a connect nor a question is waited for when the time is over.
    with anyio.move_on_after(max(limit, FIRST_LOOK)):
        status = await _poll(source, run, limit, seen)
        if status is not None:
            return status
    if seen.missing is not None:
        raise seen.missing
    message = f"{seen.pending} migrations are still pending after {limit:g} s"
    raise CheckFailed(message, hint="look at the job that is to apply them")


FIRST_LOOK: Final = 1.0
"""Seconds that are given to a first look, however short the limit."""


@dataclass(slots=True)
class _Seen:
    """What a wait has come to know by its end."""

    missing: DatabaseUnusable | None = field(
        default_factory=lambda: DatabaseUnreachable(
            "the server gave no answer in time", hint="check host and port"
        )
    )
    """Why it cannot be said; until the first answer, for want of one."""
    pending: int = 0


async def _poll(source: Source, run: Run, limit: float, seen: _Seen) -> Status | None:
    """Look until nothing is pending; null when the time is over."""
    began = time.monotonic()
    for pause in pauses(0.1, 2.0):
        try:
            async with open_reading_session(run, 0) as session:
                while True:
                    with answered_within(session, run.answer_limit):
                        status = await probe_on(session, source, run)
                    seen.missing, seen.pending = None, status.pending
                    _require_possible(status)
                    if status.healthy:
                        return status
                    if time.monotonic() - began + pause > limit:
                        break
                    await anyio.sleep(min(1.0, pause * 2))
        except DatabaseUnusable as error:
            seen.missing = error
        if time.monotonic() - began + pause > limit:
            return None
        await anyio.sleep(pause)
    raise AssertionError  # pragma: no cover - pauses() never ends


def _require_possible(status: Status) -> None:
    for migration in status.migrations:
        if migration.status is Standing.FAILED:
            message = f"migration {migration.version} stands half done"
            raise NeedsRepair(
                message,
                version=migration.version,
                hint="settle it with `asyncmigrate repair`",
            )
    if status.problems:
        raise ConflictsFound(
            [Conflict(kind="conflict", message=text) for text in status.problems]
        )
