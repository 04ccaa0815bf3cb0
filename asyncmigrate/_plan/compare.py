"""Files held against history, point by point."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from asyncmigrate._migration import (
    Applied,
    Definition,
    History,
    MigrationFile,
    Order,
    Problem,
    RowOrigin,
    State,
    order_of,
)
from asyncmigrate._plan.steps import Definitions, Refresh
from asyncmigrate.errors import Conflict


@dataclass(slots=True)
class Comparison:
    """How files and history compare, point by point."""

    pending: list[MigrationFile] = field(default_factory=list)
    """Versioned files that no row stands for, in order."""
    repeatables: list[MigrationFile] = field(default_factory=list)
    """Repeatable files that are new or have changed."""
    resumed: list[tuple[MigrationFile, Applied]] = field(default_factory=list)
    missing: list[Applied] = field(default_factory=list)
    ahead: list[Applied] = field(default_factory=list)
    edited: list[tuple[MigrationFile, Applied]] = field(default_factory=list)
    late: list[MigrationFile] = field(default_factory=list)
    renamed: list[tuple[Applied, MigrationFile]] = field(default_factory=list)
    gone_repeatables: list[Applied] = field(default_factory=list)
    refresh: list[Refresh] = field(default_factory=list)
    cosmetic: list[MigrationFile] = field(default_factory=list)


def same_file(file: MigrationFile, row: Applied) -> bool:
    """Whether the bytes are those that the row remembers."""
    return row.file_sha256 is not None and row.file_sha256 == file.file_sha256


def needed(files: Iterable[MigrationFile], history: History) -> list[MigrationFile]:
    """The files that must be parsed before `compare` can judge them."""
    rows = {row.version_key: row for row in (*history.rows, *history.repeatables)}
    return [
        file
        for file in files
        if (row := rows.get(file.key)) is None
        or row.state is not State.APPLIED
        or not same_file(file, row)
    ]


def is_edited(definition: Definition, row: Applied) -> bool | None:
    """Whether the UP is another one; null when the edit is cosmetic.

    A stored checksum is compared by the algorithm that it names; one that this
    release does not know cannot be told from an edit.
    """
    if row.checksum is None or row.checksum == definition.checksum:
        return False
    if row.token_checksum and row.token_checksum == definition.token_checksum:
        return None
    return True


def compare(
    files: Sequence[MigrationFile], history: History, definitions: Definitions
) -> Comparison:
    """Hold *files* against *history*."""
    found = Comparison()
    versioned = [file for file in files if file.version]
    rows = {row.version_key: row for row in history.rows}
    by_key = {file.key: file for file in versioned}
    newest_file: Order | None = max(
        (order_of(file.key) for file in versioned), default=None
    )
    newest_row = max((row.order for row in history.rows), default=None)

    for file in sorted(versioned, key=lambda file: order_of(file.key)):
        row = rows.get(file.key)
        if row is None:
            found.pending.append(file)
            if newest_row is not None and order_of(file.key) < newest_row:
                found.late.append(file)
        elif row.state is not State.APPLIED:
            found.resumed.append((file, row))
        else:
            _compare_row(file, row, definitions, found)

    for row in history.rows:
        if row.version_key in by_key:
            continue
        if newest_file is None or row.order > newest_file:
            found.ahead.append(row)
        elif row.checksum is not None or row.origin is RowOrigin.RUN:
            found.missing.append(row)

    _find_renames(found, definitions)
    _compare_repeatables(files, history, definitions, found)
    return found


def _compare_row(
    file: MigrationFile, row: Applied, definitions: Definitions, found: Comparison
) -> None:
    if same_file(file, row):
        if row.file != file.file:
            found.refresh.append(Refresh(row=row, file=file, definition=None))
        return
    definition = definitions.get(file.key)
    if definition is None:
        return  # unreadable: reported as a problem of the file
    edited = is_edited(definition, row)
    if edited:
        found.edited.append((file, row))
        return
    if edited is None:
        found.cosmetic.append(file)
    found.refresh.append(Refresh(row=row, file=file, definition=definition))


def _find_renames(found: Comparison, definitions: Definitions) -> None:
    pending = {
        definition.checksum: file
        for file in found.pending
        if (definition := definitions.get(file.key))
    }
    for rows in (found.missing, found.ahead):
        for row in list(rows):
            file = pending.get(row.checksum or "")
            if file is not None and file in found.pending:
                found.renamed.append((row, file))
                rows.remove(row)
                found.pending.remove(file)
                if file in found.late:
                    found.late.remove(file)


def _compare_repeatables(
    files: Sequence[MigrationFile],
    history: History,
    definitions: Definitions,
    found: Comparison,
) -> None:
    rows = {row.version_key: row for row in history.repeatables}
    for file in sorted((f for f in files if not f.version), key=lambda f: f.file):
        row = rows.pop(file.key, None)
        if row is not None and same_file(file, row) and row.state is State.APPLIED:
            continue
        definition = definitions.get(file.key)
        if definition is None:
            continue
        if (
            row is None
            or row.state is not State.APPLIED
            or row.checksum != definition.checksum
        ):
            found.repeatables.append(file)
        else:
            found.refresh.append(Refresh(row=row, file=file, definition=definition))
    found.gone_repeatables.extend(rows.values())


def problems_as_conflicts(problems: Iterable[Problem]) -> list[Conflict]:
    """Findings in the files alone."""
    return [
        Conflict(
            kind="invalid",
            message=problem.message,
            hint=problem.hint,
            file=problem.file,
            line=problem.line,
            column=problem.column,
        )
        for problem in problems
    ]


def conflicts_of(found: Comparison, *, allow_out_of_order: bool) -> list[Conflict]:
    """Everything that stops a run, each point with its remedy."""
    conflicts = [
        Conflict(
            kind="edited",
            version=row.version,
            file=file.file,
            checksum=row.checksum,
            message=f"migration {row.version} was edited after it was applied",
            hint="put the old text back and write a new migration; or, if the database"
            " has what the file says, `asyncmigrate repair --accept-checksums`",
        )
        for file, row in found.edited
    ]
    conflicts += [
        Conflict(
            kind="renamed",
            version=row.version,
            file=file.file,
            message=f"migration {row.version} ({row.file}) is now called {file.label}",
            hint=f"`asyncmigrate repair --renumber {row.version}={file.label}`, or"
            " give the file its old name",
        )
        for row, file in found.renamed
    ]
    conflicts += [
        Conflict(
            kind="missing",
            version=row.version,
            message=f"migration {row.version} {row.name} is applied, but its file"
            f" {row.file} is gone",
            hint="put the file back; or, if its effects are gone too,"
            f" `asyncmigrate repair --mark-pending {row.version}`",
        )
        for row in found.missing
    ]
    if not allow_out_of_order:
        conflicts += [
            Conflict(
                kind="late",
                version=file.label,
                file=file.file,
                message=f"migration {file.label} is older than what is applied already",
                hint="give it a newer version, or allow it with `--allow-out-of-order`",
            )
            for file in found.late
        ]
    return conflicts


def warnings_of(found: Comparison) -> list[str]:
    """What is worth a look, and stops nothing."""
    warnings = []
    if found.ahead:
        listed = ", ".join(row.version for row in found.ahead[:5])
        more = f" and {len(found.ahead) - 5} more" if len(found.ahead) > 5 else ""  # noqa: PLR2004 - as many as are listed
        warnings.append(
            f"the database is ahead of these files: {listed}{more}"
            " (an older release against a newer database)"
        )
        if found.repeatables:
            warnings.append(
                "repeatable migrations are left alone while the database is ahead"
            )
    warnings += [
        f"{file.file} was edited in comments or white space only"
        for file in found.cosmetic
    ]
    warnings += [
        f"the file of the repeatable {row.file} is gone"
        for row in found.gone_repeatables
    ]
    return warnings
