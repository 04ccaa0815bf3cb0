"""Two branches side by side: what merging this one would break. No database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncmigrate._migration import Definition, MigrationFile, order_of
from asyncmigrate.errors import Conflict


@dataclass(frozen=True, slots=True)
class Branch:
    """The migrations of one revision; of a file that cannot be read, no definition."""

    files: Sequence[MigrationFile]
    definitions: Mapping[str, Definition]

    @property
    def versioned(self) -> dict[str, MigrationFile]:
        """Versioned files by key; repeatables may be edited as they like."""
        return {file.key: file for file in self.files if file.version}


def compare_branches(
    ours: Branch, base: Branch, theirs: Branch, reference: str
) -> list[Conflict]:
    """What was done to *base* here, and what meets what was added on *theirs*.

    Args:
        ours: the work tree.
        base: the merge base of the two.
        theirs: the tip of *reference*.
        reference: what that branch is called, for messages.
    """
    mine, old, other = ours.versioned, base.versioned, theirs.versioned
    added = {key: file for key, file in mine.items() if key not in old}
    by_checksum = {
        definition.checksum: file
        for key, file in added.items()
        if (definition := ours.definitions.get(key))
    }
    conflicts = []
    for key, file in old.items():
        their = other.get(key)
        if key in mine:
            if their is not None and their.file_sha256 == mine[key].file_sha256:
                continue
            if _edited(mine[key], file, ours, base):
                conflicts.append(_edit(mine[key], reference))
            continue
        if their is None:
            continue  # they took it away as well
        definition = base.definitions.get(key)
        renamed = by_checksum.get(definition.checksum) if definition else None
        if renamed is not None:
            conflicts.append(_rename(file, renamed, reference))
            added.pop(renamed.key, None)
        else:
            conflicts.append(_removal(file, reference))
    newest = max(other.values(), key=lambda file: order_of(file.key), default=None)
    for key, file in added.items():
        twin = other.get(key)
        if twin is not None and twin.file_sha256 != file.file_sha256:
            conflicts.append(_twin(file, twin, reference))
        elif (
            twin is None and newest is not None and order_of(key) < order_of(newest.key)
        ):
            conflicts.append(_late(file, newest, reference))
    return sorted(conflicts, key=lambda each: (each.file or "", each.kind))


def _edited(
    mine: MigrationFile, file: MigrationFile, ours: Branch, base: Branch
) -> bool:
    if mine.file_sha256 == file.file_sha256:
        return False
    now, before = ours.definitions.get(mine.key), base.definitions.get(file.key)
    if now is None or before is None:
        return before is not None
    return now.token_checksum != before.token_checksum


def _edit(file: MigrationFile, reference: str) -> Conflict:
    return Conflict(
        kind="edited",
        version=file.label,
        file=file.file,
        line=1,
        message=f"migration {file.label} is on {reference} and was edited here",
        hint="put it back as it was, and write a new migration",
    )


def _rename(file: MigrationFile, now: MigrationFile, reference: str) -> Conflict:
    return Conflict(
        kind="renamed",
        version=file.label,
        file=now.file,
        line=1,
        message=f"migration {file.label} ({file.file}) is on {reference} and is called"
        f" {now.label} here",
        hint="give it its old name; where it is applied already, `asyncmigrate repair"
        f" --renumber {file.label}={now.label}` would be needed in every database",
    )


def _removal(file: MigrationFile, reference: str) -> Conflict:
    return Conflict(
        kind="removed",
        version=file.label,
        file=file.file,
        message=f"migration {file.label} is on {reference} and was removed here",
        hint="put the file back, and undo its effects in a new migration",
    )


def _twin(file: MigrationFile, twin: MigrationFile, reference: str) -> Conflict:
    return Conflict(
        kind="duplicate",
        version=file.label,
        file=file.file,
        line=1,
        message=f"version {file.label} is on two branches: {reference} has it as"
        f" {twin.file}",
        hint="give this one a newer version",
    )


def _late(file: MigrationFile, newest: MigrationFile, reference: str) -> Conflict:
    return Conflict(
        kind="late",
        version=file.label,
        file=file.file,
        line=1,
        message=f"the new migration {file.label} is older than {newest.label}, which"
        f" {reference} has already",
        hint="give it a newer version",
    )
