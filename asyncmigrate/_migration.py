"""The nouns: what a migration is on disk, and what the history says of it.

No I/O, no decisions, and no knowledge of any other room. A `MigrationFile` is known
by the digest of its bytes alone; its `Definition` is read only when the history does
not hold that digest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from asyncmigrate._nouns import Blocker, Direction, Holder

__all__ = [
    "Applied",
    "Blocker",
    "Definition",
    "Direction",
    "History",
    "Holder",
    "Kind",
    "MigrationFile",
    "Options",
    "Order",
    "Part",
    "Problem",
    "RowOrigin",
    "State",
    "Unreadable",
    "Version",
    "order_of",
]


class Kind(StrEnum):
    """Whether a migration is applied once, or whenever its text changes."""

    VERSIONED = "versioned"
    REPEATABLE = "repeatable"


class State(StrEnum):
    """What the history says of a migration."""

    RUNNING = "running"
    APPLIED = "applied"
    FAILED = "failed"


class RowOrigin(StrEnum):
    """How a history row came about; all but ``run`` are taken on trust."""

    RUN = "run"
    BASELINE = "baseline"
    ADOPT = "adopt"
    MARK = "mark"


Order = tuple[int, tuple[int, ...], str]
"""What versions are sorted by: numbers before names, numbers group by group."""


@lru_cache(maxsize=1 << 14)
def order_of(key: str) -> Order:
    """The place of a ``version_key`` among the others.

    ``20260315_1`` and ``n:1.2`` sort as numbers, ``n:1:…`` as the number and then as
    text, ``name:…`` and a repeatable's path as text.
    """
    digits, name = key, ""
    if key.startswith("n:"):
        digits, _, name = key[2:].partition(":")
    groups = digits.replace(".", "_").split("_")
    if all(group.isascii() and group.isdigit() for group in groups):
        return 0, tuple(int(group) for group in groups), name
    return 1, (), key


@dataclass(frozen=True, slots=True)
class Version:
    """A version as its file writes it, and the key by which it is one and the same."""

    text: str
    """As written: ``0001``."""
    key: str
    """Canonical: ``1``. Unique within a namespace."""

    @property
    def order(self) -> Order:
        """What versions are sorted by."""
        return order_of(self.key)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the directives of one section ask for; null where they are silent."""

    transaction: bool | None = None
    blocks: bool = False
    """Whether each BEGIN … COMMIT of the text's own is a transaction."""
    placeholders: str | None = None
    """The syntax of the placeholders that are filled in before the text is run."""
    lock_timeout: float | None = None
    """Seconds; 0 waits for ever."""
    block_limit: float | None = None
    """Seconds; infinite when switched ``off``."""
    statement_timeout: float | None = None
    """Seconds; 0 is none."""
    concurrent_timeout: float | None = None
    """Seconds; 0 is none."""
    role: str | None = None
    irreversible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One direction of a migration: the very text that is hashed and run."""

    text: str
    """Normalised SQL; for Python the whole file."""
    file: str
    """Path relative to the migrations directory."""
    line: int
    """1-based line of the file on which the text begins."""
    options: Options = Options()
    python: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a migration's files say, read and hashed."""

    up: Part
    down: Part | None
    checksum: str
    tokens: Callable[[], str] = field(repr=False, compare=False)
    """Digests the tokens of the UP, which takes longer than all else of a file."""
    down_checksum: str | None
    irreversible: bool = False
    warnings: tuple[str, ...] = ()
    """What is odd about the files, and stops nothing."""

    @property
    def token_checksum(self) -> str:
        """Of an edit and of a row: digested when one of them asks, and not before."""
        return self.tokens()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file, found without any database."""

    message: str
    file: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(p) for p in (self.file, self.line, self.column) if p)
        return f"{place}: {self.message}"


class Unreadable(Exception):
    """A migration's files cannot be understood; carries every `Problem`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFile:
    """A migration as the directory lists it: named and digested, not yet parsed."""

    kind: Kind
    version: Version | None
    """Null for a repeatable."""
    name: str
    file: str
    """Path relative to the migrations directory, with ``/``; a pair's UP file."""
    file_sha256: str
    """Hex SHA-256 of the raw bytes; of a pair, of both digests."""
    define: Callable[[], Definition]
    """Reads and parses the files. Raises `Unreadable`; and when the bytes are no
    longer those of ``file_sha256``."""
    python: bool = False
    path: str = ""
    """Where the operating system finds it; only Python migrations are loaded by it."""
    content: Callable[[], bytes] = bytes
    """Reads the raw bytes of `file`. Raises `Unreadable`; and when they are no longer
    those that were digested. Only other tools' checksums want them."""

    @property
    def key(self) -> str:
        """The ``version_key`` of its history row; a repeatable's path."""
        return self.version.key if self.version else self.file

    @property
    def label(self) -> str:
        """The version as people write it; a repeatable's path."""
        return self.version.text if self.version else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A row of the history that stands: applied, or half way."""

    id: int
    kind: Kind
    version: str
    """As its file wrote it; a repeatable's path."""
    version_key: str
    name: str
    file: str
    file_sha256: str | None
    checksum: str | None
    """Null for a row that was marked without a file."""
    token_checksum: str | None
    down_checksum: str | None
    direction: Direction
    state: State
    statements_done: int
    statements_total: int
    origin: RowOrigin
    run_id: str
    undecided: bool = False
    """Whether its current statement may or may not have done its work."""

    @property
    def order(self) -> Order:
        """What versions are sorted by."""
        return order_of(self.version_key)

    @property
    def has_place(self) -> bool:
        """Whether it is known between which of its statements it stands."""
        return self.statements_total > 0

    @property
    def how_far(self) -> str:
        """What of a migration that is half way, or of its roll-back, is done."""
        if not self.has_place:
            return "how far it came is not known"
        whose = " of its roll-back" if self.direction is Direction.DOWN else ""
        done = f"{self.statements_done} of {self.statements_total} statements"
        told = f"{done}{whose} are done"
        if self.undecided:
            told += f", and what became of statement {self.statements_done + 1} is open"
        return told

    @property
    def standing(self) -> str:
        """Its state, and of what is half way how far it is."""
        if self.state is State.APPLIED:
            return self.state
        return f"{self.state}: {self.how_far}"


@dataclass(frozen=True, slots=True)
class History:
    """What one namespace's history says stands; of a repeatable its newest row."""

    rows: tuple[Applied, ...] = ()
    """Versioned rows that stand, in the order of their versions."""
    repeatables: tuple[Applied, ...] = ()
    exists: bool = False
    """Whether there are tracking tables at all."""

    @property
    def adopted(self) -> bool:
        """Whether some of what stands was taken over from another tool."""
        rows = (*self.rows, *self.repeatables)
        return any(row.origin is RowOrigin.ADOPT for row in rows)
