"""What another tool's history table holds: values, as they were read.

No decisions and no SQL. A row keeps the tool's own words; what they mean is decided
in `_plan`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenTable:
    """A table that could be another tool's, as the catalogue shows it."""

    schema: str
    name: str
    kind: str
    """``r`` and ``p`` are tables; anything else could run code when it is read."""
    secured: bool = False
    """Whether row security would hide rows from this role, and run code to do it."""
    columns: Mapping[str, str]
    """Types by name."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class OldRow(NamedTuple):
    """A row, its columns brought into one shape for all tools."""

    key: str
    """What the tool knows the migration by."""
    label: str = ""
    """What people know it by; empty where the tool keeps no name."""
    checksum: str | None = None
    applied_at: str | None = None
    """ISO 8601 with an offset."""
    applied_by: str | None = None
    execution_time_ms: int | None = None
    state: str = "applied"
    """The tool's own word: ``applied``, ``failed``, ``dirty``, ``undone``, …"""
    kind: str = ""
    """The type of the row, or whose project it belongs to."""

    def __str__(self) -> str:
        return f"{self.key} {self.label}".strip()


Brief = tuple[str, str, str]
"""Key, kind and state of a row."""


def digest(rows: Iterable[Brief]) -> str:
    """By which it is seen that rows have come, gone or changed their state."""
    lines = "\n".join(sorted("\0".join(row) for row in rows))
    short = hashlib.blake2b(lines.encode(), digest_size=8)
    return f"blake2b:{short.hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldHistory:
    """Everything that another tool's table holds, in the tool's own order."""

    tool: str
    schema: str
    table: str
    rows: tuple[OldRow, ...]
    project: str = ""
    """Whose rows these are, where the tool keeps those of several projects."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def digest(self) -> str:
        """Of all rows; see `digest`."""
        return digest((row.key, row.kind, row.state) for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """When, by whom and how fast another tool applied a migration; null: not known."""

    applied_at: str | None = None
    applied_by: str | None = None
    execution_time_ms: int | None = None
