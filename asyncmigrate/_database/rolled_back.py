"""A connection inside a transaction that is rolled back when its test ends.

The driver takes the transaction for its own, so that ``connection.transaction()`` is a
savepoint of it. A statement that would end it is not sent; should it be ended all the
same, the savepoint that marks its beginning is gone too, and that is noticed.
"""

import asyncio
import re
import weakref
from collections.abc import Callable
from typing import Any, Final, LiteralString

import asyncpg

from asyncmigrate._database.lending import GONE, GRACE, LentConnection, LoopTie, run_in
from asyncmigrate._sql.blocks import SAVEPOINTS
from asyncmigrate._sql.kinds import classify
from asyncmigrate._sql.statements import Unterminated, split

BEGIN: Final[LiteralString] = "BEGIN; SAVEPOINT asyncmigrate_test"
END: Final[LiteralString] = """
ROLLBACK TO SAVEPOINT asyncmigrate_test;
ROLLBACK;
SELECT pg_catalog.pg_advisory_unlock_all();
DEALLOCATE ALL;
DISCARD SEQUENCES
"""
"""The first works in a failed transaction too, and in no other one than ours. The rest
puts back what a rolled-back transaction leaves in a session."""

_NO_SUCH_SAVEPOINT: Final = {"3B001", "25P01"}
_SUSPECT: Final = re.compile(
    r"\b(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE)\b", re.IGNORECASE
)
_LEAVES_A_TRACE: Final = frozenset(
    {"set_type_codec", "reset_type_codec", "set_builtin_type_codec"}
)
"""Calls that no statement undoes: the driver itself is another one afterwards."""


class Line:
    """What stays connected from one test to the next, while they share a loop.

    Whether they do shows in the second one: nothing is left in a loop of one test.
    """

    def __init__(self) -> None:
        self.owner: RolledBackConnection | None = None
        self.tie: LoopTie | None = None
        self._seen: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def has_seen(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the test before this one ran in *loop*, too."""
        seen = self._seen is not None and self._seen() is loop
        self._seen = weakref.ref(loop)
        return seen

    async def leave(self) -> None:
        """Close it; called in its loop, at the loop's end or before."""
        owner, self.owner, self.tie = self.owner, None, None
        if owner is not None:
            await owner.part()

    def end(self) -> None:
        """Close it, from outside of its loop."""
        if self.tie is not None and not run_in(self.tie.loop, self.tie.end):
            self.owner = self.tie = None


class RolledBackConnection(LentConnection):
    """One test's; what it connects stays in its `Line`."""

    def __init__(
        self, dsn: str, line: Line, refuse: Callable[[str], object] | None = None
    ) -> None:
        """Remember where to connect.

        Args:
            dsn: of a database that is used in no other way.
            line: where a connection may have been left, and will be.
            refuse: told the word of a statement that would end the transaction; raises.
        """
        super().__init__(dsn)
        self._line = line
        self._refuse = refuse
        self._begun = False
        self._reusable = True
        self.escaped = False
        """Whether the test ended the transaction: what it wrote may stand."""
        self.verified = True
        """Whether that could be found out."""

    async def _connect(self) -> None:
        line = self._line
        left = line.owner
        if left is not None and line.tie is not None and left.is_left_to_this_loop:
            self._go_on_with(left)
        else:
            await self._dial()
            self._reusable &= line.has_seen(asyncio.get_running_loop())
            line.tie = LoopTie(line.leave)
            await line.tie.begin()
        line.owner, self._tie = self, line.tie
        await asyncpg.Connection.execute(self, BEGIN)
        self._begun = True
        driver: Any = self
        driver._top_xact = asyncpg.Connection.transaction(self)

    @property
    def is_left_to_this_loop(self) -> bool:
        """Whether another test may go on with what is connected."""
        here = self._tie is not None and self._tie.loop is asyncio.get_running_loop()
        return here and not self._begun and not asyncpg.Connection.is_closed(self)

    def _go_on_with(self, left: "RolledBackConnection") -> None:
        old: Any = left
        made_of = (old._protocol, old._transport, old._loop, old._addr)
        asyncpg.Connection.__init__(self, *made_of, old._config, old._params)
        old._protocol.set_connection(self)
        old._protocol, old._aborted = None, True

    async def _roll_back(self) -> None:
        """Undo everything, and find out whether everything was undone."""
        if not self._begun:
            return
        self._begun = False
        driver: Any = self
        driver._top_xact = None
        try:
            async with asyncio.timeout(GRACE):
                await asyncpg.Connection.execute(self, END)
        except GONE as error:
            self._reusable = False
            state = getattr(error, "sqlstate", None)
            self.escaped = state in _NO_SUCH_SAVEPOINT
            self.verified = self.escaped

    async def part(self) -> None:
        """Roll back, and close."""
        await self._roll_back()
        self._tie = None
        await self._hang_up()

    def end(self) -> None:
        """Roll back, from outside of the loop, when the test is over."""
        self._over = True
        tie = self._tie
        if self._begun and (tie is None or not run_in(tie.loop, self._roll_back)):
            # The loop is gone without a word, or runs in another thread.
            self._begun = self._reusable = self.verified = False
            if tie is not None:
                self._cut(tie.loop)
        if not self._reusable:
            self._line.end()

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the driver's signature
        """Roll back and close it; it is not opened again."""
        self._reusable = False
        await super().close(timeout=timeout)

    def terminate(self) -> None:
        """Close the socket; the server rolls back."""
        self._reusable = False
        super().terminate()

    def _allow(self, method: str, sql: str | None) -> None:
        if method in _LEAVES_A_TRACE:
            self._reusable = False
        elif sql is not None and self._refuse is not None:
            word = transaction_control(sql)
            if word is not None:
                self._refuse(word)


def transaction_control(sql: str) -> str | None:
    """The first word of *sql* that begins or ends a transaction; no savepoint does."""
    if not _SUSPECT.search(sql):
        return None
    try:
        statements = split(sql)
    except Unterminated:
        return None  # the server will say so
    for statement in statements:
        kind = classify(statement.text)
        if kind.control not in {None, *SAVEPOINTS}:
            return kind.words[0]
    return None
