"""From a look to a plan whose every script has been read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from asyncmigrate._database import history as history_sql
from asyncmigrate._database.session import Session
from asyncmigrate._engine.adopting import read_old
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.jobs import Job, Stored
from asyncmigrate._engine.scope import answered_within
from asyncmigrate._engine.scripts import (
    Ready,
    make_ready,
    single_transaction_conflicts,
)
from asyncmigrate._layouts.layout import Source
from asyncmigrate._migration import History, Part, Unreadable
from asyncmigrate._plan import Plan
from asyncmigrate._sql.difference import unified
from asyncmigrate.errors import Conflict, ConflictsFound


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan without conflicts, and its scripts."""

    plan: Plan
    readies: tuple[Ready, ...]
    stored: Stored


Understood = dict[int, tuple[Part, Ready, list[Conflict]]]
"""Scripts that were read already, by the identity of their part: a run looks twice."""


async def prepare(
    job: Job,
    session: Session,
    history: History,
    run: Run,
    understood: Understood,
) -> Prepared:
    """Decide, with what the database keeps.

    Raises:
        ConflictsFound: with every conflict at once; edits show their diff.
        SessionLost: the server gave no answer in time.
    """
    settings = run.settings
    with answered_within(session, run.answer_limit):
        await read_old(job, session, history)
        stored = await _stored(session, job.wants(history), history)
    plan = job.decide(history, stored, run.so_far)
    readies = []
    conflicts = list(plan.conflicts)
    for step in plan.steps:
        known = understood.get(id(step.part))
        if known is None or known[0] is not step.part:
            known = (step.part, *make_ready(step, settings))
            understood[id(step.part)] = known
        _, ready, refused = known
        readies.append(ready)
        conflicts += refused
    if settings.single_transaction and not conflicts:
        conflicts += single_transaction_conflicts(plan.steps, readies)
    if conflicts:
        with answered_within(session, run.answer_limit):
            conflicts = await with_diffs(conflicts, job.source, session, history)
        raise ConflictsFound(conflicts)
    return Prepared(plan, tuple(readies), stored)


async def _stored(session: Session, wanted: set[str], history: History) -> Stored:
    if not wanted or not history.exists:
        return {}
    return await history_sql.read_scripts(session, wanted)


async def with_diffs(
    conflicts: Sequence[Conflict], source: Source, session: Session, history: History
) -> list[Conflict]:
    """The same conflicts; an edit shows its diff where the old text is stored."""
    wanted = {each.checksum for each in conflicts if each.checksum}
    stored = await _stored(session, wanted, history)
    files = {file.file: file for file in source.files}
    shown = []
    for each in conflicts:
        old = stored.get(each.checksum or "")
        file = files.get(each.file or "")
        if old is None or file is None:
            shown.append(each)
            continue
        try:
            new = file.define().up.text
        except Unreadable:
            shown.append(each)
            continue
        diff = unified(old, new, old_name=f"{file.file} (applied)", new_name=file.file)
        shown.append(replace(each, diff=diff))
    return shown


def diffs_of(ready: Prepared) -> list[str]:
    """What each write of a repair accepts, against the stored text."""
    diffs = []
    for write in ready.plan.writes:
        old = ready.stored.get(write.row.checksum or "") if write.row else None
        if old is not None and write.definition is not None:
            name = write.definition.up.file
            new = write.definition.up.text
            diffs.append(unified(old, new, old_name=f"{name} (applied)", new_name=name))
    return diffs
