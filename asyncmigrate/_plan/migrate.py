"""What `migrate` is to do."""

from collections.abc import Sequence
from itertools import chain

from asyncmigrate._migration import (
    Applied,
    Direction,
    History,
    MigrationFile,
    Problem,
    State,
    order_of,
)
from asyncmigrate._plan.compare import (
    compare,
    conflicts_of,
    problems_as_conflicts,
    warnings_of,
)
from asyncmigrate._plan.steps import Apply, Definitions, MigrateWish, Plan
from asyncmigrate._plan.versions import target_order
from asyncmigrate.errors import Conflict, NeedsRepair, UnknownVersion


def decide_migrate(
    files: Sequence[MigrationFile],
    problems: Sequence[Problem],
    history: History,
    definitions: Definitions,
    wish: MigrateWish,
) -> Plan:
    """What `migrate` is to do.

    Raises:
        UnknownVersion: the target is neither a file nor in the history.
        NeedsRepair: a migration stands half done and cannot simply go on.
    """
    found = compare(files, history, definitions)
    conflicts = problems_as_conflicts(problems)
    conflicts += conflicts_of(found, allow_out_of_order=wish.allow_out_of_order)
    limit = None
    try:
        if wish.target is not None:
            limit = target_order(wish.target, files, history)
    except UnknownVersion as error:
        if not conflicts:
            raise
        conflicts.append(_unknown(wish.target, error))
    warnings = tuple(warnings_of(found))
    if conflicts:
        return Plan(conflicts=tuple(conflicts), warnings=warnings)
    for row in history.rows:
        _require_resumable(row, known=any(row is each for _, each in found.resumed))

    steps = [
        Apply(file=file, definition=definitions[file.key], row=row)
        for file, row in found.resumed
    ]
    steps += [
        Apply(file=file, definition=definitions[file.key])
        for file in found.pending
        if limit is None or order_of(file.key) <= limit
    ]
    held_back = len(steps) < len(found.resumed) + len(found.pending)
    if not found.ahead and not held_back:
        steps += [
            Apply(file=file, definition=definitions[file.key])
            for file in found.repeatables
        ]
    odd = (definitions[step.file.key].warnings for step in steps)
    warnings += tuple(chain.from_iterable(odd))
    return Plan(steps=tuple(steps), refresh=tuple(found.refresh), warnings=warnings)


def _unknown(target: str | None, error: UnknownVersion) -> Conflict:
    return Conflict(
        kind="unknown",
        version=target,
        message=f"there is no version {target} among files and history",
        hint=error.hint,
    )


def _require_resumable(row: Applied, *, known: bool) -> None:
    if row.state is State.APPLIED:
        return
    if row.direction is Direction.DOWN:
        message = (
            f"the roll-back of {row.version} stands half done:"
            f" {row.statements_done} of {row.statements_total} statements are done;"
            " nothing was changed"
        )
        raise NeedsRepair(
            message,
            version=row.version,
            file=row.file,
            hint="run `asyncmigrate rollback` again, or settle it with"
            " `asyncmigrate repair`",
        )
    if row.statements_total == 0 or not known:
        message = f"migration {row.version} stands half done; nothing was changed"
        raise NeedsRepair(
            message,
            version=row.version,
            file=row.file,
            hint="look at what it left, then `asyncmigrate repair --mark-applied"
            f" {row.version}` or `--mark-pending {row.version}`",
        )
