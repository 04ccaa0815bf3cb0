"""What `adopt` is to write: rows for what another tool has applied, and one event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncmigrate._foreign import Elsewhere, OldHistory, OldRow
from asyncmigrate._migration import (
    History,
    MigrationFile,
    Problem,
    RowOrigin,
)
from asyncmigrate._plan.adopt_findings import weigh
from asyncmigrate._plan.adoption import Adoption, Before
from asyncmigrate._plan.compare import problems_as_conflicts
from asyncmigrate._plan.old_tables import AdoptWish
from asyncmigrate._plan.pairing import Pairing, Proofs
from asyncmigrate._plan.steps import Definitions, Plan, Write
from asyncmigrate._plan.versions import target_order
from asyncmigrate.errors import InvalidUsage
from asyncmigrate.results import AdoptedMigration


@dataclass(slots=True)
class Adopting:
    """What is to be written, and what becomes of each migration."""

    plan: Plan
    adoption: Adoption
    mapping: tuple[AdoptedMigration, ...] = ()


def require_mark(
    wish: AdoptWish, old: OldHistory, pairing: Pairing, layout: str
) -> None:
    """Refuse files that are not laid out as *old*'s tool does, unless *wish* has a mark.

    Raises:
        InvalidUsage: nothing says which of the files are applied.
    """
    tool = pairing.tool
    if wish.at is not None or layout == tool.name:
        return
    stands = f"{tool.name} stands at {pairing.meaning.head or 'nothing'}"
    if tool.in_place:
        message = (
            f"the files are read as `{layout}`, but {old} is the history of {tool.name};"
            " nothing was changed"
        )
        hint = (
            f"if they are {tool.name}'s own, `--format {tool.name}` (and `format ="
            f' "{tool.name}"` in the settings, for later runs); if they were written anew,'
            f" `--at V` with the version up to which they are applied ({stands})"
        )
        raise InvalidUsage(message, hint=hint)
    message = f"files of {tool.name} are not read in place; nothing was changed"
    hint = f"say up to which of these files the database has come, `--at V`: {stands}"
    raise InvalidUsage(message, hint=hint)


def decide_adopt(  # noqa: PLR0913 - everything that an adoption depends on
    files: Sequence[MigrationFile],
    problems: Sequence[Problem],
    history: History,
    definitions: Definitions,
    *,
    old: OldHistory,
    pairing: Pairing,
    proofs: Proofs,
    wish: AdoptWish,
    before: Before,
) -> Adopting:
    """Take over what *old* says is applied, or refuse with every point at once.

    Args:
        files: every migration file.
        problems: what is wrong with files.
        history: what stands with us.
        definitions: by key, of at least every file that no row stands for.
        old: the other tool's history.
        pairing: which of its rows is which file.
        proofs: of every pair that can be proved, whether it is.
        wish: what was asked for.
        before: what was taken over before.

    Raises:
        UnknownVersion: there is no version ``wish.at``.
    """
    limit = None if wish.at is None else target_order(wish.at, files, history)
    found = weigh(
        files,
        history,
        old=old,
        pairing=pairing,
        proofs=proofs,
        wish=wish,
        limit=limit,
        before=before,
    )
    found.conflicts = [*problems_as_conflicts(problems), *found.conflicts]
    rows = {row.version_key: row for row in (*history.rows, *history.repeatables)}
    found.applied.sort(key=lambda pair: _place(pair[0]))
    mapping = tuple(
        _mapped(file, row, proofs, standing=file.key in rows)
        for file, row in found.applied
    )
    new = [(file, row) for file, row in found.applied if file.key not in rows]
    adoption = Adoption(
        tool=old.tool,
        schema=old.schema,
        table=old.table,
        rows=len(old.rows),
        digest=old.digest,
        migrations=len(new),
    )
    warnings = tuple(found.warnings)
    if found.conflicts:
        plan = Plan(conflicts=tuple(found.conflicts), warnings=warnings)
        return Adopting(plan, adoption, mapping)
    writes = [
        Write(
            version=file.label,
            detail=f"took over {file.label} {file.name}".rstrip(),
            insert=file,
            definition=definitions.get(file.key),
            origin=RowOrigin.ADOPT,
            elsewhere=_elsewhere(row),
        )
        for file, row in new
    ]
    last = before.adoption
    if writes or last is None or not last.is_of(old) or last.digest != old.digest:
        writes.append(Write(event="adopt", version=None, detail=str(adoption)))
    return Adopting(Plan(writes=tuple(writes), warnings=warnings), adoption, mapping)


def _place(file: MigrationFile) -> tuple[bool, object, str]:
    if file.version is None:
        return True, (), file.file
    return False, file.version.order, file.file


def _elsewhere(row: OldRow | None) -> Elsewhere:
    if row is None:
        return Elsewhere()
    return Elsewhere(
        applied_at=row.applied_at,
        applied_by=row.applied_by,
        execution_time_ms=row.execution_time_ms,
    )


def _mapped(
    file: MigrationFile, row: OldRow | None, proofs: Proofs, *, standing: bool
) -> AdoptedMigration:
    at = row.applied_at if row else None
    return AdoptedMigration(
        version=file.label,
        name=file.name,
        file=file.file,
        old_key=row.key if row else None,
        applied_at=datetime.fromisoformat(at) if at else None,
        applied_by=row.applied_by if row else None,
        execution_time_ms=row.execution_time_ms if row else None,
        verified=row is not None and proofs.get((file.file, row.checksum or ""), False),
        standing=standing,
    )
