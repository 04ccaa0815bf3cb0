"""What a roll-back or a redo still owes, when its run goes on with another session.

The history decides what is done, never a memory of what was sent: a COMMIT whose reply
was lost may stand, and another run may have had the lock meanwhile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from asyncmigrate._migration import Applied, Direction, History, Kind, State
from asyncmigrate._plan.steps import Apply, Plan, SoFar, Step, Undo
from asyncmigrate.errors import MigrationFailed


def what_is_left(plan: Plan, since: History, history: History, so_far: SoFar) -> Plan:
    """The steps of *plan* that are not done, each going on from where it stands.

    Args:
        plan: what was decided before its first step.
        since: the history that it was decided on.
        history: what stands now.
        so_far: what the run itself has done.

    Raises:
        MigrationFailed: another run has applied something that is in the way.
    """
    before = {row.id for row in (*since.rows, *since.repeatables)}
    rows = (*history.rows, *history.repeatables)
    standing = {row.id: row for row in rows if row.id in before}
    anew = {row.version_key: row for row in rows if row.id not in before}
    theirs = [row for row in anew.values() if row.run_id != so_far.run_id]

    steps = [
        left
        for step in plan.steps
        if step.version not in so_far.given_up
        and (left := _left(step, standing, anew)) is not None
    ]
    _require_free_way(steps, theirs)
    undos = [step.row for step in plan.steps if isinstance(step, Undo)]
    known = [row for row in undos if row.version not in so_far.undone]
    warnings = (
        *undone_by_others(known, history),
        *_applied_by_others(undos, theirs),
    )
    return Plan(steps=tuple(steps), warnings=warnings)


def undone_by_others(rows: Iterable[Applied], history: History) -> tuple[str, ...]:
    """A warning for each of *rows*, which this run has not undone, that is gone."""
    standing = {row.id for row in (*history.rows, *history.repeatables)}
    return tuple(
        f"{row.version} was rolled back by another run meanwhile"
        for row in rows
        if row.id not in standing
    )


def _applied_by_others(
    undone: Iterable[Applied], theirs: Iterable[Applied]
) -> tuple[str, ...]:
    keys = {row.version_key for row in undone}
    return tuple(
        f"{row.version} was applied again by another run meanwhile"
        for row in theirs
        if row.version_key in keys
    )


def _left(
    step: Step, standing: Mapping[int, Applied], anew: Mapping[str, Applied]
) -> Step | None:
    if isinstance(step, Undo):
        row = standing.get(step.row.id)
        return None if row is None else replace(step, row=row)
    row = anew.get(step.file.key)
    if row is None:
        return step
    if row.state is State.APPLIED and row.direction is Direction.UP:
        return None
    # A repeatable that is half way begins anew, as `migrate` has it.
    return replace(step, row=row) if step.file.version else step


def _require_free_way(steps: Sequence[Step], theirs: Sequence[Applied]) -> None:
    blocking = [row for row in theirs if _is_in_the_way(row, steps)]
    if not blocking:
        return
    listed = ", ".join(row.version for row in blocking)
    undone = ", ".join(step.version for step in steps if isinstance(step, Undo))
    applied = ", ".join(step.version for step in steps if isinstance(step, Apply))
    message = f"another run has applied {listed} since this one began"
    if undone:
        message += f"; not rolled back: {undone}"
    if applied:
        message += f"; not applied again: {applied}"
    raise MigrationFailed(
        message,
        version=blocking[0].version,
        hint="look at `asyncmigrate status`; `asyncmigrate migrate` applies what is"
        " pending",
    )


def _is_in_the_way(row: Applied, steps: Sequence[Step]) -> bool:
    """Whether what another run has applied forbids the *steps* that are left.

    It may stand on what is yet to be undone. What is yet to be applied must not come
    after something newer, nor go on with what somebody else has left half done.
    """
    if any(isinstance(step, Undo) for step in steps):
        return True
    versions = [step.file.version for step in steps if isinstance(step, Apply)]
    orders = [version.order for version in versions if version is not None]
    if not orders or row.kind is Kind.REPEATABLE:
        return False
    return row.order > min(orders) or row.state is not State.APPLIED
