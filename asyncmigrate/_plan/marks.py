"""What `baseline` and `repair` are to write; they run nothing."""

from collections.abc import Mapping, Sequence

from asyncmigrate._migration import (
    Applied,
    Direction,
    History,
    MigrationFile,
    Problem,
    RowOrigin,
    State,
    order_of,
)
from asyncmigrate._plan.compare import compare, problems_as_conflicts
from asyncmigrate._plan.steps import Definitions, Plan, Write
from asyncmigrate._plan.versions import find_key, nearest_versions, target_order
from asyncmigrate.errors import InvalidUsage, UnknownVersion
from asyncmigrate.results import RepairAction


def decide_baseline(
    files: Sequence[MigrationFile],
    problems: Sequence[Problem],
    history: History,
    definitions: Definitions,
    target: str,
) -> Plan:
    """Mark every file up to *target* that no row stands for.

    Raises:
        UnknownVersion: the target is neither a file nor in the history.
    """
    conflicts = problems_as_conflicts(problems)
    limit = target_order(target, files, history)
    if conflicts:
        return Plan(conflicts=tuple(conflicts))
    standing = {row.version_key for row in history.rows}
    return Plan(
        writes=tuple(
            Write(
                event="baseline",
                version=file.label,
                detail=f"marked {file.label} {file.name} as there already",
                insert=file,
                definition=definitions.get(file.key),
                origin=RowOrigin.BASELINE,
            )
            for file in files
            if file.version and order_of(file.key) <= limit and file.key not in standing
        )
    )


def decide_repair(  # noqa: PLR0913 - everything that a repair depends on
    files: Sequence[MigrationFile],
    problems: Sequence[Problem],
    history: History,
    definitions: Definitions,
    *,
    action: RepairAction,
    versions: Sequence[str],
    renames: Mapping[str, str],
) -> Plan:
    """What settles a half-done migration, an accepted edit or a rename.

    Raises:
        UnknownVersion: a version is neither a file nor in the history.
        InvalidUsage: there is nothing of that kind to settle.
    """
    conflicts = problems_as_conflicts(problems)
    if conflicts:
        return Plan(conflicts=tuple(conflicts))
    writes: list[Write | None]
    match action:
        case RepairAction.ACCEPT_CHECKSUMS:
            writes = _accept(files, history, definitions)
        case RepairAction.MARK_APPLIED:
            writes = [
                _applied(version, files, history, definitions) for version in versions
            ]
        case RepairAction.MARK_PENDING:
            writes = [_pending(version, files, history) for version in versions]
        case RepairAction.RENUMBER:
            writes = [
                _renumber(old, new, files, history, definitions)
                for old, new in renames.items()
            ]
        case RepairAction.RESUME:  # pragma: no branch - the last of them
            writes = _resume(history)
    return Plan(writes=tuple(write for write in writes if write is not None))


def _accept(
    files: Sequence[MigrationFile], history: History, definitions: Definitions
) -> list[Write | None]:
    edited = compare(files, history, definitions).edited
    return [
        Write(
            event="accept-checksum",
            version=row.version,
            detail=f"accepted the edit of {row.version} {row.name}:"
            f" {row.checksum} becomes {definitions[file.key].checksum}",
            row=row,
            definition=definitions[file.key],
            columns=_columns(file, definitions),
        )
        for file, row in edited
    ]


def _columns(
    file: MigrationFile, definitions: Definitions
) -> dict[str, str | int | None]:
    definition = definitions[file.key]
    return {
        "name": file.name,
        "file": file.file,
        "file_sha256": file.file_sha256,
        "checksum": definition.checksum,
        "token_checksum": definition.token_checksum,
        "down_checksum": definition.down_checksum,
    }


def _row(
    version: str, files: Sequence[MigrationFile], history: History
) -> Applied | None:
    key = find_key(version, files, history)
    rows = (*history.rows, *history.repeatables)
    return next((row for row in rows if row.version_key == key), None)


def _file(
    version: str, files: Sequence[MigrationFile], history: History
) -> MigrationFile | None:
    key = find_key(version, files, history)
    return next((file for file in files if file.key == key), None)


def _unknown(
    version: str, files: Sequence[MigrationFile], history: History, where: str
) -> UnknownVersion:
    known = [file.label for file in files if file.version]
    known += [row.version for row in history.rows]
    return UnknownVersion(version, nearest_versions(version, known), where)


def _applied(
    version: str,
    files: Sequence[MigrationFile],
    history: History,
    definitions: Definitions,
) -> Write | None:
    row = _row(version, files, history)
    if row is not None and row.state is State.APPLIED:
        return None
    file = _file(version, files, history)
    if row is not None:
        columns: dict[str, str | int | None] = {
            "state": State.APPLIED,
            "direction": "up",
            "origin": RowOrigin.MARK,
            "before_image": None,
            "error": None,
        }
        if file is not None and file.key in definitions:
            columns |= _columns(file, definitions)
        return Write(
            event="mark-applied",
            version=row.version,
            detail=f"marked {row.version} {row.name} as applied; it stood"
            f" {row.standing}",
            row=row,
            columns=columns,
            definition=definitions.get(file.key) if file else None,
        )
    if file is None:
        raise _unknown(version, files, history, "among files and history")
    return Write(
        event="mark-applied",
        version=file.label,
        detail=f"marked {file.label} {file.name} as applied without running it",
        insert=file,
        definition=definitions.get(file.key),
    )


def _pending(
    version: str, files: Sequence[MigrationFile], history: History
) -> Write | None:
    row = _row(version, files, history)
    if row is None:
        if _file(version, files, history) is not None:
            return None
        raise _unknown(version, files, history, "in the history")
    return Write(
        event="mark-pending",
        version=row.version,
        detail=f"marked {row.version} {row.name} as pending without undoing it; it"
        f" stood {row.standing}",
        row=row,
    )


def _renumber(
    old: str,
    new: str,
    files: Sequence[MigrationFile],
    history: History,
    definitions: Definitions,
) -> Write | None:
    row = _row(old, files, history)
    file = _file(new, files, history)
    if file is not None and row is None and _row(new, files, history) is not None:
        return None
    if row is None:
        raise _unknown(old, files, history, "in the history")
    if file is None or file.version is None:
        raise _unknown(new, files, history, "among the files")
    standing = _row(new, files, history)
    if standing is not None and standing is not row:
        message = f"{new} is applied already, as {standing.version} {standing.name}"
        raise InvalidUsage(message, version=new, hint="nothing was changed")
    definition = definitions.get(file.key)
    if definition is not None and row.checksum not in {None, definition.checksum}:
        message = f"{file.file} does not hold what was applied as {row.version}"
        raise InvalidUsage(
            message,
            version=new,
            file=file.file,
            hint="renumber first with the text unchanged, then edit; nothing was"
            " changed",
        )
    columns = {"version": file.label, "version_key": file.key, "name": file.name}
    columns |= {"file": file.file, "file_sha256": file.file_sha256}
    return Write(
        event="renumber",
        version=file.label,
        detail=f"renumbered {row.version} {row.name} to {file.label} {file.name}",
        row=row,
        columns=columns,
    )


def _resume(history: History) -> list[Write | None]:
    half = [row for row in history.rows if row.state is not State.APPLIED]
    if not half:
        message = "no migration stands half done; nothing was changed"
        raise InvalidUsage(message, hint="`asyncmigrate status` shows what stands")
    lost = [row for row in half if not row.has_place]
    if lost:
        version = lost[0].version
        message = f"{version} cannot go on: {lost[0].how_far}; nothing was changed"
        raise InvalidUsage(
            message,
            version=version,
            hint=f"look at what it left, then `asyncmigrate repair --mark-applied"
            f" {version}` or `--mark-pending {version}`",
        )
    return [
        Write(
            event="resume",
            version=row.version,
            detail=_resumed(row),
            row=row,
            columns={"state": State.FAILED} | _taken_as_done(row),
        )
        for row in half
    ]


def _taken_as_done(row: Applied) -> dict[str, str | int | None]:
    """What the catalogue can decide it still decides; the rest is a person's word."""
    if not row.undecided:
        return {}
    return {"statements_done": row.statements_done + 1, "before_image": None}


def _resumed(row: Applied) -> str:
    whose = "its roll-back " if row.direction is Direction.DOWN else ""
    what = f"{row.version} {row.name}: {whose}goes on"
    if row.undecided:
        return (
            f"{what} after statement {row.statements_done + 1} of"
            f" {row.statements_total}, which is taken as done"
        )
    return f"{what} with statement {row.statements_done + 1} of {row.statements_total}"
