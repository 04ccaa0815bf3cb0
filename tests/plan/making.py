"""Files and rows of a history, made of nothing but a version and a text."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from asyncmigrate._migration import (
    Applied,
    Definition,
    Direction,
    History,
    Kind,
    MigrationFile,
    Options,
    Part,
    RowOrigin,
    State,
    Version,
)
from asyncmigrate._plan import (
    Apply,
    MigrateWish,
    Plan,
    Undo,
    decide_migrate,
    needed,
)
from asyncmigrate._plan.versions import canonical

_ids = itertools.count(1)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def file(  # noqa: PLR0913 - what may differ
    version: str,
    up: str = "SELECT 1;",
    down: str | None = "SELECT 0;",
    *,
    path: str | None = None,
    name: str = "name",
    irreversible: bool = False,
) -> MigrationFile:
    """A versioned file; with a slash in *version* a repeatable of that path."""
    path = path or (version if "/" in version else f"{version}_{name}.sql")

    def define() -> Definition:
        return Definition(
            up=Part(text=up, file=path, line=1, options=Options()),
            down=None if down is None else Part(text=down, file=path, line=2),
            checksum=f"sha256:{digest(up)}",
            tokens=lambda: f"tokens1:{digest(' '.join(up.split()))}",
            down_checksum=None if down is None else f"sha256:{digest(down)}",
            irreversible=irreversible,
        )

    repeatable = "/" in version
    return MigrationFile(
        kind=Kind.REPEATABLE if repeatable else Kind.VERSIONED,
        version=None if repeatable else Version(version, canonical(version)),
        name=name,
        file=path,
        file_sha256=digest(f"{up}-- DOWN{down}"),
        define=define,
    )


def row(  # noqa: PLR0913 - what may differ
    of: MigrationFile,
    *,
    run_id: str = "run",
    state: State = State.APPLIED,
    direction: Direction = Direction.UP,
    done: int = 0,
    total: int = 0,
    origin: RowOrigin = RowOrigin.RUN,
    undecided: bool = False,
) -> Applied:
    """The row that applying *of* leaves."""
    definition = of.define()
    return Applied(
        id=next(_ids),
        kind=of.kind,
        version=of.label,
        version_key=of.key,
        name=of.name,
        file=of.file,
        file_sha256=of.file_sha256,
        checksum=definition.checksum,
        token_checksum=definition.token_checksum,
        down_checksum=definition.down_checksum,
        direction=direction,
        state=state,
        statements_done=done,
        statements_total=total,
        origin=origin,
        run_id=run_id,
        undecided=undecided,
    )


def history(*rows: Applied) -> History:
    versioned = [each for each in rows if each.kind is Kind.VERSIONED]
    return History(
        rows=tuple(sorted(versioned, key=lambda each: each.order)),
        repeatables=tuple(each for each in rows if each.kind is Kind.REPEATABLE),
        exists=True,
    )


def definitions(
    files: Iterable[MigrationFile], of: History, *, every: bool = False
) -> dict[str, Definition]:
    """What the engine parses: what the history does not hold by its bytes."""
    wanted = files if every else needed(files, of)
    return {each.key: each.define() for each in wanted}


def migrate(
    files: Sequence[MigrationFile],
    of: History,
    *,
    target: str | None = None,
    allow_out_of_order: bool = False,
) -> Plan:
    wish = MigrateWish(target=target, allow_out_of_order=allow_out_of_order)
    return decide_migrate(files, (), of, definitions(files, of), wish)


def labels(plan: Plan) -> list[str]:
    """A plan's steps, as ``+1`` and ``-1``."""
    return [
        f"{'+' if isinstance(step, Apply) else '-'}{step.version}"
        for step in plan.steps
    ]


def kinds(plan: Plan) -> set[tuple[str, str | None]]:
    return {(each.kind, each.version) for each in plan.conflicts}


def carried_out(plan: Plan, of: History) -> History:
    """The history after *plan* was done."""
    rows = [*of.rows, *of.repeatables]
    for step in plan.steps:
        if isinstance(step, Undo):
            rows = [each for each in rows if each.id != step.row.id]
        else:
            rows = [each for each in rows if each.version_key != step.file.key]
            rows.append(row(step.file))
    for refresh in plan.refresh:
        at = next(n for n, each in enumerate(rows) if each.id == refresh.row.id)
        rows[at] = replace(
            rows[at], file=refresh.file.file, file_sha256=refresh.file.file_sha256
        )
    for write in plan.writes:
        if write.row is not None and write.columns is None:
            rows = [each for each in rows if each.id != write.row.id]
        if write.insert is not None:
            rows.append(row(write.insert, origin=write.origin))
    return history(*rows)
