"""What `rollback` and `redo` are to do."""

from collections.abc import Mapping, Sequence

from asyncmigrate._migration import (
    Applied,
    Direction,
    History,
    MigrationFile,
    Part,
    Problem,
    RowOrigin,
    State,
)
from asyncmigrate._plan.compare import compare, problems_as_conflicts
from asyncmigrate._plan.steps import (
    Apply,
    Definitions,
    Plan,
    RollbackWish,
    Step,
    Undo,
)
from asyncmigrate._plan.versions import canonical, find_key, target_order
from asyncmigrate.errors import NeedsRepair, NotReversible


def choose_rollback(
    files: Sequence[MigrationFile], history: History, wish: RollbackWish
) -> tuple[Applied, ...]:
    """The rows that *wish* means, newest first.

    Raises:
        UnknownVersion: the target is not in the history nor among the files.
        NotReversible: it would go past a baseline.
        NeedsRepair: one of them stands half applied.
    """
    rows = sorted(history.rows, key=lambda row: row.order, reverse=True)
    if wish.target is not None:
        limit = None
        if canonical(wish.target) != "0" or find_key(wish.target, files, history):
            limit = target_order(wish.target, files, history)
        chosen = [row for row in rows if limit is None or row.order > limit]
    elif wish.last_run:
        newest = max(rows, key=lambda row: row.id, default=None)
        chosen = [row for row in rows if newest and row.run_id == newest.run_id]
    else:
        chosen = rows[: 1 if wish.steps is None else wish.steps]
    for row in chosen:
        if row.origin is RowOrigin.BASELINE:
            raise NotReversible(
                f"migration {row.version} was there before asyncmigrate: it was marked"
                " by `baseline`; nothing was changed",
                version=row.version,
                hint="roll back to a version above the baseline",
            )
        if row.state is not State.APPLIED and row.direction is Direction.UP:
            raise NeedsRepair(
                f"migration {row.version} stands half done and cannot be rolled back;"
                " nothing was changed",
                version=row.version,
                file=row.file,
                hint="finish it with `asyncmigrate migrate`, or settle it with"
                " `asyncmigrate repair`",
            )
    return tuple(chosen)


def decide_rollback(  # noqa: PLR0913 - everything that a roll-back depends on
    files: Sequence[MigrationFile],
    problems: Sequence[Problem],
    history: History,
    definitions: Definitions,
    stored: Mapping[str, Part],
    chosen: Sequence[Applied],
    *,
    redo: bool = False,
) -> Plan:
    """How to undo *chosen*, repeatables that have a DOWN around them.

    Args:
        files: every migration file.
        problems: what is wrong with files.
        history: what stands.
        definitions: by key, of at least every file that is to be undone or put back.
        stored: DOWN texts of the database, by checksum.
        chosen: the rows to undo, newest first.
        redo: whether to apply them again afterwards.

    Raises:
        NotReversible: one of them has no DOWN; nothing may be touched.
    """
    found = compare(files, history, definitions)
    conflicts = problems_as_conflicts(problems)
    if conflicts:
        return Plan(conflicts=tuple(conflicts))
    by_key = {file.key: file for file in files}
    warnings: list[str] = []
    undo: list[Undo] = []
    without: list[Applied] = []
    for row in chosen:
        step = _undo(row, by_key.get(row.version_key), definitions, stored)
        if step is None:
            without.append(row)
        else:
            undo.append(step)
    if without:
        listed = ", ".join(f"{row.version} ({row.file})" for row in without)
        raise NotReversible(
            f"{'these migrations have' if len(without) > 1 else 'this migration has'}"
            f" no DOWN: {listed}; nothing was changed",
            version=without[0].version,
            file=without[0].file,
            hint="write a `-- DOWN` section, or a new migration that undoes it",
        )
    if not undo:
        return Plan(warnings=tuple(warnings))

    first: list[Step] = []
    again: list[Step] = []
    for row in reversed(history.repeatables):
        step = _undo(row, by_key.get(row.version_key), definitions, stored)
        if step is not None:
            first.append(step)
    last: list[Step] = []
    if redo:
        for row in reversed(chosen):
            file = by_key.get(row.version_key)
            if file is None:
                raise NotReversible(
                    f"migration {row.version} cannot be applied again: its file"
                    f" {row.file} is gone; nothing was changed",
                    version=row.version,
                    hint="put the file back",
                )
            last.append(Apply(file=file, definition=definitions[file.key]))
    everything = not redo and len(chosen) == len(history.rows)
    if not everything:
        undone = {step.row.version_key for step in first if isinstance(step, Undo)}
        again = [
            Apply(file=file, definition=definitions[file.key], forgiving=True)
            for file in sorted(
                (f for f in files if not f.version), key=lambda f: f.file
            )
            if file.key in undone and file.key in definitions and not found.ahead
        ]
    return Plan(
        steps=(*first, *undo, *last, *again),
        refresh=(),
        warnings=tuple(warnings),
    )


def _undo(
    row: Applied,
    file: MigrationFile | None,
    definitions: Definitions,
    stored: Mapping[str, Part],
) -> Undo | None:
    if file is not None:
        definition = definitions.get(file.key)
        if definition is not None and definition.irreversible:
            return None
        if definition is not None and definition.down is not None:
            return Undo(row=row, part=definition.down, source="file", file=file)
    part = stored.get(row.down_checksum or "")
    if part is not None:
        return Undo(row=row, part=part, source="stored")
    return None
