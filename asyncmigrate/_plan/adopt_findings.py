"""What speaks against taking a history over: every point at once, with its remedy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asyncmigrate._foreign import OldHistory, OldRow
from asyncmigrate._migration import History, MigrationFile, Order, RowOrigin, order_of
from asyncmigrate._plan.adoption import Before
from asyncmigrate._plan.old_tables import AdoptWish
from asyncmigrate._plan.pairing import Pairing, Proofs
from asyncmigrate.errors import Conflict


@dataclass(slots=True)
class Findings:
    """What counts as applied, and what speaks against it."""

    applied: list[tuple[MigrationFile, OldRow | None]] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def weigh(  # noqa: PLR0913 - everything that an adoption depends on
    files: Sequence[MigrationFile],
    history: History,
    *,
    old: OldHistory,
    pairing: Pairing,
    proofs: Proofs,
    wish: AdoptWish,
    limit: Order | None,
    before: Before,
) -> Findings:
    """Sort files into those that count as applied and those that must not.

    *limit* is the place up to which every file counts; null: as the rows say.
    """
    found = Findings()
    found.conflicts += _obstacles(pairing, old)
    found.conflicts += _head(pairing, wish)
    _pairs(pairing, proofs, found)
    trusted = pairing.trusted
    if limit is not None:
        trusted = _up_to(limit, files, pairing)
        found.conflicts += _beyond(limit, pairing, wish)
    found.applied += [(file, None) for file in trusted]
    _set_aside(history, before, found)
    _orphans(pairing, wish, found)
    if not wish.allow_out_of_order:
        found.conflicts += _late(files, history, pairing, found)
    last = before.adoption
    if limit is None and last is not None and last.is_of(old):
        found.conflicts += _undone(history, pairing, found)
    return found


def _up_to(
    limit: Order, files: Sequence[MigrationFile], pairing: Pairing
) -> list[MigrationFile]:
    paired = {file.key for file, _ in pairing.pairs}
    return [
        file
        for file in files
        if file.version and file.key not in paired and order_of(file.key) <= limit
    ]


def _beyond(limit: Order, pairing: Pairing, wish: AdoptWish) -> Iterator[Conflict]:
    for file, row in pairing.pairs:
        if file.version and file.version.order > limit:
            yield Conflict(
                kind="beyond",
                version=file.label,
                file=file.file,
                message=f"{pairing.tool.name} has applied {row}, which is newer than"
                f" {wish.at}",
                hint=f"give `--at {file.label}`, or a newer version",
            )


def _obstacles(pairing: Pairing, old: OldHistory) -> Iterator[Conflict]:
    name = pairing.tool.name
    for key, message, hint in pairing.meaning.obstacles:
        said = f"{old}, of {name}: {message}"
        yield Conflict(kind="half_done", version=key, message=said, hint=hint)
    of = f" of the project {old.project}" if old.project else ""
    if pairing.meaning.head is None and not pairing.meaning.obstacles:
        yield Conflict(
            kind="empty",
            message=f"{old}, of {name}, says that nothing{of} is applied",
            hint="there is nothing to take over: `asyncmigrate migrate`; or, where the"
            " database has it all the same, `asyncmigrate baseline V`",
        )


def _head(pairing: Pairing, wish: AdoptWish) -> Iterator[Conflict]:
    """Refuse another head than the one that *wish* names."""
    head, tool = pairing.meaning.head, pairing.tool
    if wish.head is None or head is None:
        return
    if tool.canonical(head) != tool.canonical(wish.head):
        yield Conflict(
            kind="head",
            version=wish.at,
            message=f"{tool.name} stands at {head}, not at {wish.head}",
            hint=f"bring the database to {wish.head} with {tool.name} first, or give the"
            f" version that {head} is: `--at V={head}`",
        )


def _pairs(pairing: Pairing, proofs: Proofs, found: Findings) -> None:
    """Sort the pairs: a file that is not what was applied is a conflict.

    But a repeatable only waits to be applied again, as it does with the tool.
    """
    tool = pairing.tool
    for file, row in pairing.pairs:
        if proofs.get((file.file, row.checksum or ""), True):
            found.applied.append((file, row))
        elif file.version is None:
            found.warnings.append(
                f"{file.file} has changed since {tool.name} applied it: it is pending"
            )
        else:
            found.conflicts.append(
                Conflict(
                    kind="edited",
                    version=file.label,
                    file=file.file,
                    message=f"this is not what {tool.name} applied as {row}: its"
                    " checksum is another one",
                    hint=tool.remedy,
                )
            )


def _set_aside(history: History, before: Before, found: Findings) -> None:
    """Leave alone what was rolled back here: the tool's table does not know of it."""
    standing = {row.version_key for row in history.rows}
    kept = []
    for file, row in found.applied:
        applied_at = row.applied_at if row else None
        if file.key in standing or not before.is_undone(file.key, applied_at):
            kept.append((file, row))
            continue
        found.warnings.append(
            f"{file.label} {file.name} was taken over and undone here since: it stays"
            f" pending; if it is there again, `asyncmigrate repair --mark-applied"
            f" {file.label}`"
        )
    found.applied = kept


def _orphans(pairing: Pairing, wish: AdoptWish, found: Findings) -> None:
    """Rows without a file: refused, unless a mark says what counts."""
    name = pairing.tool.name
    for row in pairing.orphans:
        if wish.at is not None or row.key.startswith("R:"):
            found.warnings.append(
                f"{name} has applied {row}, for which there is no file: passed over"
            )
            continue
        found.conflicts.append(
            Conflict(
                kind="missing",
                version=row.key,
                message=f"{name} has applied {row}, but there is no file for it",
                hint="put the file back; or, where it is gone for good, `--at V` with the"
                " newest version that is applied: every file up to it then counts as"
                " applied, and rows without a file are passed over",
            )
        )


def _late(
    files: Sequence[MigrationFile], history: History, pairing: Pairing, found: Findings
) -> Iterator[Conflict]:
    """Pending files below the newest applied one."""
    standing = {row.version_key for row in history.rows}
    # What was found to be another text is told already.
    for file, _ in (*found.applied, *pairing.pairs):
        if file.version:
            standing.add(file.key)
    newest = max(map(order_of, standing), default=None)
    for file in files:
        if not file.version or newest is None or file.key in standing:
            continue
        if file.version.order < newest:
            yield Conflict(
                kind="late",
                version=file.label,
                file=file.file,
                message=f"{pairing.tool.name} has not applied it, but newer ones",
                hint=f"apply it with {pairing.tool.name} first, give it a newer version,"
                " or allow it with `--allow-out-of-order`",
            )


def _undone(history: History, pairing: Pairing, found: Findings) -> Iterator[Conflict]:
    """What was taken over once, and was undone by the other tool since."""
    applied = {file.key for file, _ in found.applied}
    applied |= {file.key for file, _ in pairing.pairs}
    for row in history.rows:
        if row.origin is RowOrigin.ADOPT and row.version_key not in applied:
            yield Conflict(
                kind="undone",
                version=row.version,
                message=f"{row.version} {row.name} was taken over, but"
                f" {pairing.tool.name} has it as applied no more",
                hint="if it was undone there, `asyncmigrate repair --mark-pending"
                f" {row.version}`",
            )
