"""Files and the rows of another tool's history, brought together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asyncmigrate._foreign import OldHistory, OldRow
from asyncmigrate._migration import MigrationFile, order_of
from asyncmigrate._plan.old_meanings import Meaning
from asyncmigrate._plan.old_tools import BY_NAME, OldTool

Proofs = Mapping[tuple[str, str], bool]
"""By file and stored checksum: whether the file is what was applied."""


@dataclass(slots=True)
class Pairing:
    """What of the directory the other tool has applied."""

    tool: OldTool
    meaning: Meaning
    pairs: list[tuple[MigrationFile, OldRow]] = field(default_factory=list)
    orphans: list[OldRow] = field(default_factory=list)
    """Rows without a file."""
    trusted: list[MigrationFile] = field(default_factory=list)
    """Files without a row, at or below where everything counts as applied."""

    @property
    def to_prove(self) -> list[tuple[MigrationFile, str]]:
        """The files whose bytes can be held against a checksum."""
        if self.tool.verify is None:
            return []
        return [(file, row.checksum) for file, row in self.pairs if row.checksum]

    def proves(self, content: bytes, checksum: str) -> bool:
        """Whether *content* is what the tool applied under *checksum*."""
        return self.tool.verify is not None and self.tool.verify(content, checksum)


def pair_in_place(files: Sequence[MigrationFile], old: OldHistory) -> Pairing:
    """Each row with its file; of several with one key the first with the first."""
    tool = BY_NAME[old.tool]
    found = Pairing(tool, tool.read(old.rows))
    by_key: dict[str, list[MigrationFile]] = {}
    for file in files:
        by_key.setdefault(tool.key_of(file), []).append(file)
    for row in found.meaning.applied:
        waiting = by_key.get(tool.canonical(row.key))
        if waiting:
            found.pairs.append((waiting.pop(0), row))
        else:
            found.orphans.append(row)
    if found.meaning.upto is not None:
        limit = order_of(f"n:{tool.canonical(found.meaning.upto)}")
        paired = {file.key for file, _ in found.pairs}
        found.trusted = [
            file
            for file in files
            if file.version and file.key not in paired and file.version.order <= limit
        ]
    return found


def pair_by_mark(old: OldHistory) -> Pairing:
    """No row with any file: what counts as applied is said by a version of ours."""
    tool = BY_NAME[old.tool]
    return Pairing(tool, tool.read(old.rows))
