"""What the audit trail keeps of an adoption: a sentence that can be read back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from asyncmigrate._foreign import OldHistory
from asyncmigrate._sql.quoting import quote_ident

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_NAME: Final = r'"(?:[^"]|"")+"|[a-z_][a-z0-9_]*'
_DETAIL: Final = re.compile(
    r"took over (?P<migrations>\d+) migrations? of (?P<tool>[a-z-]+):"
    rf" (?P<rows>\d+) rows? of (?P<schema>{_NAME})\.(?P<table>{_NAME}),"
    r" (?P<digest>blake2b:[0-9a-f]{16})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Whose history was taken over, and what it held then."""

    tool: str
    schema: str
    table: str
    rows: int
    digest: str
    migrations: int = 0
    """How many of them this adoption wrote to our history."""

    def __str__(self) -> str:
        return (
            f"took over {_counted(self.migrations, 'migration')} of {self.tool}:"
            f" {_counted(self.rows, 'row')} of {self.place}, {self.digest}"
        )

    @property
    def place(self) -> str:
        """The table as SQL has it, quoted where it must be."""
        return f"{_quoted(self.schema)}.{_quoted(self.table)}"

    @classmethod
    def read(cls, detail: str) -> Self | None:
        """The adoption that *detail* tells of; null when it tells of none."""
        found = _DETAIL.fullmatch(detail)
        if found is None:
            return None
        return cls(
            tool=found["tool"],
            schema=_unquoted(found["schema"]),
            table=_unquoted(found["table"]),
            rows=int(found["rows"]),
            digest=found["digest"],
            migrations=int(found["migrations"]),
        )

    def is_of(self, old: OldHistory) -> bool:
        """Whether it was this very table that was taken over."""
        mine = (self.tool, self.schema, self.table)
        return mine == (old.tool, old.schema, old.table)

    def grown(self, rows: int) -> str:
        """What is to be said when the table is not any more as it was."""
        then = f"{_counted(self.rows, 'row')} then, {rows} now"
        return (
            f"{self.place} has changed since it was taken over ({then}):"
            f" somebody still runs {self.tool}; stop that, and take over what it did"
            " with `asyncmigrate adopt`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What this namespace has taken over before."""

    adoption: Adoption | None = None
    """The newest one; null for the first time."""
    undone: Mapping[str, str] = field(default_factory=dict)
    """By key, what lost its standing since, by `rollback` or `repair`, and when."""

    def is_undone(self, key: str, applied_at: str | None) -> bool:
        """Whether *key* was undone here, and not applied there again since."""
        at = self.undone.get(key)
        return at is not None and (applied_at is None or applied_at < at)


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quote_ident(name)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
