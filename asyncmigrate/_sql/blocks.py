"""A script's own transactions, where they count: which statements each one holds.

What the server makes of a text is what is made of it here: a query of several
statements is one transaction up to its COMMIT, and a BEGIN in it goes on with what
stands before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncmigrate._sql.statement_kind import StatementKind
from asyncmigrate._sql.statements import Statement

SAVEPOINTS: Final = frozenset({"savepoint", "release", "rollback_to"})

Pair = tuple[Statement, StatementKind]


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that are one transaction, by their numbers."""

    start: int
    stop: int
    """Of the first statement behind it."""
    modes: str = ""
    """For BEGIN: the isolation level and what else its own BEGIN asks for."""


@dataclass(slots=True)
class Cut:
    """A script cut into its transactions."""

    pairs: list[Pair] = field(default_factory=list)
    """What is left to run; BEGIN and COMMIT are not."""
    blocks: list[Block] = field(default_factory=list)
    """In order; a statement in none of them counts by itself."""
    blanks: list[tuple[int, int]] = field(default_factory=list)
    refusals: list[tuple[int, str, str]] = field(default_factory=list)
    """Offset, message and hint."""

    @property
    def whole(self) -> Block | None:
        """The one transaction that holds every statement, if one does."""
        if not self.pairs:
            return Block(0, 0)
        if len(self.blocks) == 1:
            block = self.blocks[0]
            if (block.start, block.stop) == (0, len(self.pairs)):
                return block
        return None


def cut_blocks(pairs: Sequence[Pair], *, implicit: bool) -> Cut:
    """Cut a script at its own BEGIN and COMMIT.

    *implicit*: what stands outside them is a transaction, too, but for the statements
    that cannot be in one; else each of its statements counts by itself.
    """
    cutter = _Cutter(implicit=implicit)
    for statement, kind in pairs:
        cutter.take(statement, kind)
    cutter.finish()
    return cutter.cut


class _Cutter:
    def __init__(self, *, implicit: bool) -> None:
        self.cut = Cut()
        self.implicit = implicit
        self.opened: Statement | None = None
        """The BEGIN of the block under way."""
        self.start = 0
        self.modes: list[str] = []

    def take(self, statement: Statement, kind: StatementKind) -> None:
        control = kind.control
        if control is None or control in SAVEPOINTS:
            self.plain(statement, kind)
        elif control == "begin" and kind.plain:
            self.blank(statement)
            self.begin(statement, kind)
        elif control == "commit" and kind.plain:
            self.blank(statement)
            if self.opened or self.implicit:
                self.close()
            self.opened = None
        else:
            word = " ".join(kind.words[:2])
            self.cut.refusals.append(
                (
                    statement.start,
                    f"{word} is no plain end of a transaction",
                    "leave BEGIN … COMMIT around what is to stay, and take the rest off",
                )
            )
            self.opened = None

    def begin(self, statement: Statement, kind: StatementKind) -> None:
        if self.opened:
            return  # the server warns, and goes on
        if not self.implicit:
            self.start = len(self.cut.pairs)
        self.opened = statement
        if kind.modes:
            self.modes.append(kind.modes)

    def plain(self, statement: Statement, kind: StatementKind) -> None:
        alone = not (self.opened or (self.implicit and kind.transactional))
        if alone:
            self.close()
        elif not kind.transactional:
            self.cut.refusals.append(
                (
                    statement.start,
                    f"{' '.join(kind.words[:2])} cannot be in a transaction",
                    "take it out of its BEGIN … COMMIT",
                )
            )
        if kind.sets_transaction and not alone and self.is_first():
            self.blank(statement)
            self.modes.append(kind.modes)
            return
        self.cut.pairs.append((statement, kind))
        if alone:
            self.start = len(self.cut.pairs)

    def is_first(self) -> bool:
        """Whether nothing but SET stands in the block so far, which takes no snapshot."""
        return all(kind.sets is not None for _, kind in self.cut.pairs[self.start :])

    def close(self) -> None:
        stop = len(self.cut.pairs)
        if stop > self.start:
            block = Block(self.start, stop, ", ".join(self.modes))
            self.cut.blocks.append(block)
        self.start, self.modes = stop, []

    def blank(self, statement: Statement) -> None:
        self.cut.blanks.append((statement.start, statement.stop))

    def finish(self) -> None:
        if self.opened:
            message = "this BEGIN has no COMMIT"
            hint = "write COMMIT behind the last statement of the transaction"
            self.cut.refusals.append((self.opened.start, message, hint))
        self.close()
