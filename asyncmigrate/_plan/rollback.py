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
        if wish.last_run and row.origin is RowOrigin.ADOPT:
            message = (
                "the last run has taken over what another tool applied, and run nothing;"
                " nothing was changed"
            )
            raise NotReversible(
                message,
                version=row.version,
                hint="say how many are to be undone, `--steps N`, or `--to V`",
            )
        if row.origin is RowOrigin.BASELINE:
            message = (
                f"migration {row.version} was there before asyncmigrate: it was marked"
                " by `baseline`; nothing was changed"
            )
            raise NotReversible(
                message,
                version=row.version,
                hint="roll back to a version above the baseline",
            )
        if row.state is not State.APPLIED and row.direction is Direction.UP:
            message = (
                f"migration {row.version} stands half done and cannot be rolled back;"
                " nothing was changed"
            )
            raise NeedsRepair(
                message,
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
    *,
    stored: Mapping[str, Part],
    chosen: Sequence[Applied],
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
    conflicts = problems_as_conflicts(problems)
    if conflicts:
        return Plan(conflicts=tuple(conflicts))
    by_key = {file.key: file for file in files}

    def undo(row: Applied) -> Undo | None:
        return _undo(row, by_key.get(row.version_key), definitions, stored)

    undone = [(row, undo(row)) for row in chosen]
    _require_downs([row for row, step in undone if step is None])
    if not undone:
        return Plan()
    around = [step for row in reversed(history.repeatables) if (step := undo(row))]
    again = _again(chosen, by_key, definitions) if redo else []

    warnings: list[str] = []
    back: list[Apply] = []
    ids = {row.id for row in chosen}
    ahead = compare(files, history, definitions).ahead
    if around and any(row.id not in ids for row in ahead):
        warnings.append(
            "repeatable migrations stay undone while the database is ahead of these"
            " files"
        )
    elif redo or len(chosen) < len(history.rows):
        keys = {step.row.version_key for step in around}
        back = [
            Apply(file=file, definition=definitions[file.key], forgiving=True)
            for file in sorted(files, key=lambda file: file.file)
            if not file.version and file.key in keys and file.key in definitions
        ]
    middle = [step for _, step in undone if step is not None]
    return Plan(steps=(*around, *middle, *again, *back), warnings=tuple(warnings))


def _require_downs(without: Sequence[Applied]) -> None:
    if not without:
        return
    listed = ", ".join(f"{row.version} ({row.file})" for row in without)
    what = "these migrations have" if len(without) > 1 else "this migration has"
    message = f"{what} no DOWN: {listed}; nothing was changed"
    raise NotReversible(
        message,
        version=without[0].version,
        file=without[0].file,
        hint="write a `-- DOWN` section, or a new migration that undoes it",
    )


def _again(
    chosen: Sequence[Applied],
    by_key: Mapping[str, MigrationFile],
    definitions: Definitions,
) -> list[Apply]:
    again = []
    for row in reversed(chosen):
        file = by_key.get(row.version_key)
        if file is None:
            message = (
                f"migration {row.version} cannot be applied again: its file {row.file}"
                " is gone; nothing was changed"
            )
            raise NotReversible(message, version=row.version, hint="put the file back")
        again.append(Apply(file=file, definition=definitions[file.key]))
    return again


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
