"""One migration's SQL, understood before any of it runs.

``BEGIN … COMMIT`` around the whole script is taken as the wrapper that it is and
blanked, so that every offset stays; where the script's own blocks count, each of them
is. What would end the run's transaction in the middle, and what is not SQL, is refused
here, with its place, all of it at once.
"""

import re
from dataclasses import dataclass
from typing import Final

from asyncmigrate._sql.blocks import SAVEPOINTS, Block, Pair, cut_blocks
from asyncmigrate._sql.kinds import StatementKind, classify
from asyncmigrate._sql.position import Lines
from asyncmigrate._sql.statements import Statement, Unterminated, split
from asyncmigrate._sql.tokens import IGNORED, lex

_RESTRICT: Final = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+")
_NOT_A_LINE_END: Final = re.compile(r"[^\n\r]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a script may not run as it is, and where."""

    offset: int
    line: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script as it will run."""

    text: str
    body: str
    """`text` with the wrapper, hoisted modes and ``\\restrict`` lines blanked."""
    statements: tuple[Statement, ...]
    """Those left in `body`."""
    kinds: tuple[StatementKind, ...]
    """What each of them is."""
    wrapped: bool
    modes: str
    """For BEGIN: of the script's own BEGIN and its leading SET TRANSACTION."""
    transaction: bool
    """Whether it runs in one transaction."""
    refusals: tuple[Refusal, ...]
    blocks: tuple[Block, ...] = ()
    """The script's own transactions, where it is not one; any other statement counts
    by itself."""

    @property
    def transactional(self) -> bool:
        """Every statement can be in a transaction."""
        return all(kind.transactional for kind in self.kinds)

    @property
    def mixed(self) -> bool:
        """Some statements can be in a transaction and some cannot."""
        return len({kind.transactional for kind in self.kinds}) > 1

    @property
    def has_copy_data(self) -> bool:
        """COPY … FROM STDIN is among the statements."""
        return any(it.copy_data is not None for it in self.statements)

    @property
    def resets_session(self) -> bool:
        """RESET ALL or DISCARD is among the statements."""
        return any(kind.resets_session for kind in self.kinds)

    @property
    def needs_new_session(self) -> bool:
        """No reset undoes what it does to the session."""
        return any(kind.new_session for kind in self.kinds)

    def block_at(self, number: int) -> Block:
        """The transaction of a statement, in a script that is not one itself."""
        for block in self.blocks:
            if block.start <= number < block.stop:
                return block
        return Block(number, number + 1)


def read_script(
    text: str, *, transaction: bool | None = None, blocks: bool = False
) -> Script:
    """Understand a script; *transaction* is what its directive says, if anything.

    With *blocks* each ``BEGIN … COMMIT`` of its own is one transaction. What stands
    outside them is one, too, as in a query of several statements; with *transaction*
    false each of its statements counts by itself, as when psql sends them.
    """
    reader = _Reader(text, transaction)
    return reader.read_blocks() if blocks else reader.read()


class _Reader:
    def __init__(self, text: str, transaction: bool | None) -> None:  # noqa: FBT001 - the private half of read_script
        self.text = text
        self.place = Lines(text)
        self.asked = transaction
        self.refusals: list[Refusal] = []
        self.blanks: list[tuple[int, int]] = []
        self.modes: list[str] = []
        self.pairs: list[Pair] = []

    def read(self) -> Script:
        self.split()
        wrapped = self.unwrap()
        self.hoist()
        transaction = self.effective(wrapped=wrapped)
        for statement, kind in self.pairs:
            self.check(statement, kind, transaction=transaction)
        return self.script(wrapped=wrapped, transaction=transaction)

    def read_blocks(self) -> Script:
        self.split()
        cut = cut_blocks(self.pairs, implicit=self.asked is None)
        wrapped = len(self.pairs) > len(cut.pairs)
        self.pairs = cut.pairs
        self.blanks += cut.blanks
        for refusal in cut.refusals:
            self.refuse(*refusal)
        inside = {at for it in cut.blocks for at in range(it.start, it.stop)}
        for at, (statement, kind) in enumerate(self.pairs):
            self.check(statement, kind, transaction=at in inside)
        whole = cut.whole
        if whole:
            self.modes = [whole.modes] if whole.modes else []
            return self.script(wrapped=wrapped, transaction=True)
        return self.script(wrapped=False, transaction=False, blocks=tuple(cut.blocks))

    def split(self) -> None:
        try:
            statements = split(self.text)
        except Unterminated as error:
            statements = []
            self.refuse(
                error.offset,
                f"this {error.what} is never closed",
                "close it; the rest of the file was read as part of it",
            )
        for statement in statements:
            if statement.meta_command:
                self.meta_command(statement)
            else:
                self.pairs.append((statement, classify(statement.text)))
        self.nul()

    def script(
        self, *, wrapped: bool, transaction: bool, blocks: tuple[Block, ...] = ()
    ) -> Script:
        self.refusals.sort(key=lambda it: it.offset)
        return Script(
            text=self.text,
            body=self.body(),
            statements=tuple(statement for statement, _ in self.pairs),
            kinds=tuple(kind for _, kind in self.pairs),
            wrapped=wrapped,
            modes=", ".join(self.modes),
            transaction=transaction,
            refusals=tuple(self.refusals),
            blocks=blocks,
        )

    def refuse(self, offset: int, message: str, hint: str) -> None:
        line, column = self.place(offset)
        self.refusals.append(Refusal(offset, line, column, message, hint))

    def nul(self) -> None:
        at = self.text.find("\0")
        if at >= 0:
            self.refuse(at, "a NUL character", "PostgreSQL cannot hold one; remove it")

    def meta_command(self, statement: Statement) -> None:
        if _RESTRICT.fullmatch(statement.text):
            self.blanks.append((statement.start, statement.end))
        elif statement.text == "\\.":
            self.refuse(
                statement.start,
                "`\\.` ends COPY data, and no COPY … FROM STDIN stands before it",
                "check the statement above the data",
            )
        else:
            command = statement.text.split(maxsplit=1)[0]
            self.refuse(
                statement.start,
                f"`{command}` is a command of psql, not SQL",
                "write it as SQL; migrations are never handed to psql",
            )

    def unwrap(self) -> bool:
        """Take BEGIN … COMMIT around everything off; true if it was there."""
        if len(self.pairs) < 2 or self.asked is False:  # noqa: PLR2004 - a pair
            return False
        (first, begin), *inner, (last, commit) = self.pairs
        if (begin.control, commit.control) != ("begin", "commit"):
            return False
        if not (begin.plain and commit.plain):
            return False
        if any(kind.control not in {None, *SAVEPOINTS} for _, kind in inner):
            return False
        self.blanks += [(first.start, first.stop), (last.start, last.stop)]
        if begin.modes:
            self.modes.append(begin.modes)
        self.pairs = inner
        return True

    def hoist(self) -> None:
        """Take SET TRANSACTION out of the beginning; BEGIN will carry it.

        A SET before it does no harm: it takes no snapshot.
        """
        kept: list[tuple[Statement, StatementKind]] = []
        if self.asked is False:
            return
        for at, (statement, kind) in enumerate(self.pairs):
            if kind.sets_transaction:
                self.blanks.append((statement.start, statement.stop))
                self.modes.append(kind.modes)
            elif kind.sets is not None:
                kept.append((statement, kind))
            else:
                kept += self.pairs[at:]
                break
        self.pairs = kept

    def effective(self, *, wrapped: bool) -> bool:
        """Decide whether the script runs in one transaction; refuse contradictions."""
        outside = [pair for pair in self.pairs if not pair[1].transactional]
        if self.asked is False or not outside:
            return self.asked is not False
        statement, kind = outside[0]
        what = " ".join(kind.words[:2]) if kind.what in {None, "other"} else kind.what
        message = f"{what} cannot be in a transaction"
        if wrapped:
            self.refuse(statement.start, message, "take BEGIN and COMMIT off the file")
        elif self.asked:
            self.refuse(
                statement.start, message, "take the directive `transaction=on` off"
            )
        elif len(outside) < len(self.pairs) or self.modes:
            self.refuse(
                statement.start,
                f"{message}, and other statements stand beside it",
                "put it into a migration of its own, or write"
                " `-- asyncmigrate: transaction=off` above the first statement",
            )
        return False

    def check(
        self, statement: Statement, kind: StatementKind, *, transaction: bool
    ) -> None:
        """Refuse a statement that a migration must not hold."""
        if kind.control is not None and not (
            transaction and kind.control in SAVEPOINTS
        ):
            self.refuse(statement.start, *_control_refusal(kind, self.asked))
        if kind.copies_stdout:
            self.refuse(
                statement.start,
                "COPY … TO STDOUT has nowhere to write",
                "remove it; a migration returns nothing",
            )
        if kind.words[:2] == ("DISCARD", "ALL"):
            self.refuse(
                statement.start,
                "DISCARD ALL would release the lock of the run",
                "remove it; the session is put back after every migration",
            )
        if kind.sets is not None and kind.sets.name == "standard_conforming_strings":
            self.conforming(statement)
        if statement.copy_data is not None:
            self.rest_of_line(statement, statement.copy_data[0])

    def conforming(self, statement: Statement) -> None:
        value = [it for it in lex(statement.text) if it.kind not in IGNORED][-1]
        word = statement.text[value.start : value.end].strip("'").lower()
        if word not in {"on", "true", "1", "yes", "default"}:
            self.refuse(
                statement.start,
                "with standard_conforming_strings off, strings are read differently",
                "leave it on, and write E'…' where a backslash escapes",
            )

    def rest_of_line(self, statement: Statement, data: int) -> None:
        """Refuse SQL between COPY's semicolon and its data: psql runs it afterwards."""
        rest = iter(lex(self.text[:data], statement.end))
        try:
            meaningful = [it for it in rest if it.kind not in IGNORED]
        except Unterminated as error:
            self.refuse(error.offset, f"this {error.what} is never closed", "close it")
            return
        if len(meaningful) > 1:
            self.refuse(
                meaningful[1].start,
                "SQL stands between COPY … FROM STDIN and its data",
                "put it on a line of its own, below the line `\\.`",
            )

    def body(self) -> str:
        pieces, position = [], 0
        for start, stop in sorted(self.blanks):
            pieces.append(self.text[position:start])
            pieces.append(_NOT_A_LINE_END.sub(" ", self.text[start:stop]))
            position = stop
        return "".join((*pieces, self.text[position:]))


def _control_refusal(
    kind: StatementKind,
    asked: bool | None,  # noqa: FBT001 - three-valued
) -> tuple[str, str]:
    word = kind.words[0]
    if asked is False:
        return (
            f"{word} controls a transaction, and `transaction=off` says there is none",
            "take one of the two off",
        )
    if kind.control == "begin":
        return (
            f"{word} begins a transaction, and a migration is in one already",
            "take it off; only BEGIN … COMMIT around the whole script is passed over",
        )
    return (
        f"{word} would end the transaction that the migration runs in",
        "take it off, or split the migration in two files",
    )
