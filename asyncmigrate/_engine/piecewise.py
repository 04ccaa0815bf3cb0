"""Migrations outside a transaction: each statement counts by itself.

One that can be in a transaction commits together with ``statements_done``; before one
that cannot, a before-image is written, and the catalogue decides what became of it. A
file whose failing statement was corrected goes on after what stands.
"""

import re
import time
from typing import Final

import anyio

from asyncmigrate._database import history, transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._database.transaction import Limits
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine import python, recovery
from asyncmigrate._engine.apply import Attempt, Done, run_statement
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.record import script_sql
from asyncmigrate._engine.recovery import Fate, Image
from asyncmigrate._engine.scope import bounded
from asyncmigrate._engine.scripts import Ready, is_unlimited
from asyncmigrate._engine.watch import Verdict, Watch
from asyncmigrate._migration import Applied, Direction, State
from asyncmigrate._plan import Apply, Step
from asyncmigrate._sql.blocks import Block
from asyncmigrate._sql.checksum import token_checksum
from asyncmigrate._sql.kinds import StatementKind
from asyncmigrate._sql.quoting import quote_ident
from asyncmigrate._sql.script import read_script
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import LockLost, MigrationError, NeedsRepair
from asyncmigrate.events import MigrationRetried, Recorded, StatementFinished


class _Piece:
    """One migration that runs piece by piece."""

    def __init__(
        self, step: Step, ready: Ready, session: Session, run: Run, watch: Watch
    ) -> None:
        self.step = step
        self.ready = ready
        self.session = session
        self.run = run
        self.watch = watch
        self.row_id = 0
        self.total = len(ready.script.statements) if ready.script else 1
        self.attempts = 1

    # ---- the row

    async def begin(self) -> int:
        """The row says ``running``; how many statements are done already."""
        step = self.step
        half = _half_done(step)
        if half is not None:
            self.row_id = half.id
            done = await self._resume(half)
            columns: dict[str, str | int | None] = {
                "state": State.RUNNING,
                "statements_total": self.total,
                "statements_done": done,
                "run_id": self.run.run_id,
                "fencing_token": self.run.fencing_token,
                "error": None,
            }
            if isinstance(step, Apply):
                columns |= {
                    "checksum": step.definition.checksum,
                    "token_checksum": step.definition.token_checksum,
                    "down_checksum": step.definition.down_checksum,
                    "file": step.file.file,
                    "file_sha256": step.file.file_sha256,
                    "name": step.file.name,
                }
            await self.update(columns, *self._scripts())
            return done
        if isinstance(step, Apply):
            sql = history.insert_row(
                self.session,
                step.file,
                step.definition,
                self.run.mark,
                state=State.RUNNING,
                statements_total=self.total,
            )
            rows = await self.session.ask(f"{sql} RETURNING id")
            self.row_id = int(rows[0][0] or 0)
            if scripts := self._scripts():
                await self.session.execute(";".join(scripts))
        else:
            self.row_id = step.row.id
            await self.update(
                {
                    "state": State.RUNNING,
                    "direction": Direction.DOWN,
                    "statements_done": 0,
                    "statements_total": self.total,
                }
            )
        return 0

    def _scripts(self) -> list[str]:
        if not isinstance(self.step, Apply):
            return []
        return script_sql(self.step.definition, self.session, self.run)

    async def _resume(self, row: Applied) -> int:
        done = row.statements_done
        image_text, _ = await history.read_before_image(self.session, row.id)
        if done:
            await self._require_same_tokens(row, done)
        if image_text is None:
            return done
        fate = await self._settle(Image.from_json(image_text), done)
        return done + (fate is Fate.DONE)

    async def _settle(self, image: Image, done: int) -> Fate:
        fate, notes = await recovery.decide(self.session, image)
        for note in notes:
            self.run.emit(
                Recorded(event="recovered", version=self.step.version, detail=note)
            )
        if fate is Fate.UNDECIDED:
            raise self.undecided(done)
        return fate

    async def _require_same_tokens(self, row: Applied, done: int) -> None:
        """What stands must be what the file still says."""
        same = isinstance(self.step, Apply) and (
            row.checksum == self.step.definition.checksum
        )
        if same or self.ready.script is None:
            return
        wanted = row.checksum if row.direction is Direction.UP else row.down_checksum
        stored = await history.read_scripts(self.session, {wanted or ""})
        text = stored.get(wanted or "", "")
        blocks = self.ready.part.options.blocks
        old = read_script(text, transaction=False, blocks=blocks).statements
        new = self.ready.script.statements
        before = [token_checksum(statement.text) for statement in old[:done]]
        now = [token_checksum(statement.text) for statement in new[:done]]
        if before != now:
            message = (
                f"{done} statements of migration {row.version} stand, and they are not"
                " the ones that its file begins with now; nothing was changed"
            )
            raise NeedsRepair(
                message,
                version=row.version,
                file=self.ready.part.file,
                hint="put those statements back as they were; only what follows may"
                " be corrected",
            )

    async def update(
        self, columns: dict[str, str | int | None], *more: str, finish: bool = False
    ) -> None:
        """Write to the row, only while the lock is ours.

        Raises:
            LockLost: it is not.
        """
        await self.session.execute(SEARCH_PATH)
        sql = history.update_if_locked(
            self.session, self.row_id, columns, finish=finish
        )
        if not await self.session.ask(sql):
            reason = "the server says that this session no longer holds it"
            raise LockLost(reason)
        if more:
            await self.session.execute(";".join(more))

    # ---- the statements

    async def run_all(self, done: int) -> None:
        """Each statement from number *done* on."""
        script = self.ready.script
        assert script is not None  # noqa: S101 - Python comes another way
        at = done
        while at < self.total:
            statement, kind = script.statements[at], script.kinds[at]
            block = script.block_at(at)
            self.watch.progress = f"statement {at + 1} of {self.total}"
            began = time.monotonic()
            whole = block.stop - at > 1 or block.modes
            if whole or (kind.transactional and not _may_commit(statement, kind)):
                await self._in_transaction(at, block)
            else:
                await self._outside(statement, kind, at)
            at = block.stop
            self.run.emit(
                StatementFinished(
                    version=self.step.version,
                    number=at,
                    total=self.total,
                    duration=time.monotonic() - began,
                )
            )
        self.watch.progress = None

    def _prelude(self, at: int) -> str:
        """The session as the script's earlier SETs have made it."""
        script = self.ready.script
        assert script is not None  # noqa: S101 - as above
        sets = [
            statement.text
            for statement, kind in zip(
                script.statements[:at], script.kinds[:at], strict=True
            )
            if kind.sets is not None
            and not kind.sets.is_local
            and not is_unlimited(statement, kind)
        ]
        role = self.ready.limits.role
        first = [f"SET ROLE {quote_ident(role)}"] if role else []
        return transaction.resets() + "".join(f"{sql};" for sql in first + sets)

    async def _in_transaction(self, at: int, block: Block) -> None:
        """The statements from *at* to the end of their block, and the row, at once."""
        script = self.ready.script
        assert script is not None  # noqa: S101 - as above
        statement, kind = script.statements[at], script.kinds[at]
        if block.stop - at == 1 and is_unlimited(statement, kind):
            await self.update({"statements_done": at + 1, "before_image": None})
            return
        waits = pauses(0.2, 5.0)
        tries = 0
        while True:
            tries += 1
            self.watch.begin(self.step.version, self.ready.block_limit, is_python=False)
            attempt = Attempt()
            try:
                await self._try_block(at, block, attempt)
            except StatementFailed as failure:
                verdict = self.watch.end()
                await self._roll_back()
                transient = failures.is_transient(failure.sqlstate, failure)
                if (
                    verdict is None
                    and transient
                    and tries < self.run.settings.lock_retries
                ):
                    pause = next(waits)
                    self._retried(failure, tries, pause)
                    await anyio.sleep(pause)
                    continue
                await self._fail(failure, attempt.statement or statement, at, verdict)
            except BaseException:
                self.watch.end()
                await self._roll_back()
                raise
            else:
                self.watch.end()
                return

    async def _try_block(self, at: int, block: Block, attempt: Attempt) -> None:
        """One try. A single plain statement is one round trip with its row.

        A failure's position is made the one in the script.
        """
        script = self.ready.script
        assert script is not None  # noqa: S101 - as above
        statement = script.statements[at]
        before = self._prelude(at)
        begin = transaction.begin(self.session, self.ready.limits, block.modes)
        done = history.set_columns(
            self.session,
            self.row_id,
            {"statements_done": block.stop, "before_image": None},
        )
        if block.stop - at == 1 and statement.copy_data is None and not block.modes:
            before += begin
            after = transaction.prove(self.session) + done + ";COMMIT"
            try:
                await self.session.execute(before + statement.text + after)
            except StatementFailed as failure:
                if failure.position is not None:
                    offset = failure.position - len(before)
                    inside = 0 <= offset <= len(statement.text)
                    failure.position = statement.start + offset if inside else None
                raise
            return
        # Apart: BEGIN takes an isolation level only before the first query.
        await self.session.execute(before)
        await self.session.execute(begin)
        xid = await transaction.current_xid(self.session)
        for number in range(at, block.stop):
            statement = script.statements[number]
            if is_unlimited(statement, script.kinds[number]):
                continue
            attempt.statement = statement
            try:
                await run_statement(script.text, statement, self.session)
            except StatementFailed as failure:
                if failure.position is not None:
                    failure.position += statement.start
                raise
        attempt.statement = None
        after = transaction.prove(self.session, xid=xid) + done
        await self.session.execute(after + ";COMMIT")

    def _retried(self, failure: StatementFailed, tries: int, pause: float) -> None:
        self.attempts += 1
        self.run.emit(
            MigrationRetried(
                version=self.step.version,
                attempt=tries,
                of=self.run.settings.lock_retries,
                retry_in=pause,
                reason=failure.message,
                sqlstate=failure.sqlstate,
                blockers=self.watch.blockers,
            )
        )

    async def _outside(
        self, statement: Statement, kind: StatementKind, at: int
    ) -> None:
        """One that cannot be in a transaction; its waiting disturbs no writer."""
        prelude = self._prelude(at)
        await self.session.execute(prelude)
        try:
            image = await recovery.take_image(self.session, kind)
        except recovery.Blocked as blocked:
            refused = StatementFailed(str(blocked), "42P07")
            refused.hint = "drop it first: `DROP INDEX CONCURRENTLY …`"
            await self._fail(refused, statement, at, None)
            return
        await self.update(
            {
                "state": State.RUNNING,
                "statements_done": at,
                "before_image": image.to_json(),
            }
        )
        limits = Limits(
            lock_timeout=self._lock_timeout(kind),
            statement_timeout=self.ready.concurrent_timeout,
            role=None,
        )
        await self.session.execute(prelude + transaction.session_limits(limits))
        # Its own waits hold nobody up who would not wait for autovacuum as well.
        self.watch.begin(self.step.version, float("inf"), is_python=False)
        try:
            await self.session.execute(statement.text)
        except StatementFailed as failure:
            self.watch.end()
            if failure.position is not None:
                failure.position += statement.start
            await self._after_error(failure, image, statement, at)
            return
        except BaseException:
            self.watch.end()
            raise
        self.watch.end()
        invalid = await recovery.still_invalid(self.session, image)
        if invalid:
            left = StatementFailed(f"index {', '.join(invalid)} is invalid", "XX000")
            await self._after_error(left, image, statement, at)
            return
        await self.update({"statements_done": at + 1, "before_image": None})

    def _lock_timeout(self, kind: StatementKind) -> float:
        """CONCURRENTLY statements fail after a full build when it strikes (measured)."""
        asked = self.ready.part.options.lock_timeout
        if asked is not None:
            return asked
        return (
            0.0
            if "CONCURRENTLY" in str(kind.what) or kind.uncertain
            else (self.run.settings.lock_timeout if kind.what is None else 0.0)
        )

    async def _after_error(
        self, failure: StatementFailed, image: Image, statement: Statement, at: int
    ) -> None:
        await self._roll_back()
        certain = failure.sqlstate[:2] == "42" and image.kind == "uncertain"
        if image.kind == "uncertain" and not certain:
            error = self.undecided(at, failure)
            await self.update(
                {
                    "state": State.FAILED,
                    "error": self.ready.filled.veiled(failure.message),
                }
            )
            raise error
        fate = Fate.AGAIN if certain else await self._settle(image, at)
        if fate is Fate.DONE:
            await self.update({"statements_done": at + 1, "before_image": None})
            return
        await self._fail(failure, statement, at, None)

    async def _roll_back(self) -> None:
        with bounded(self.run.settings.cleanup_grace):
            try:
                if not self.session.is_closed:
                    await transaction.roll_back(self.session)
                return
            except (SessionLost, StatementFailed):
                pass
        self.session.terminate()

    async def _fail(
        self,
        failure: StatementFailed,
        statement: Statement,
        at: int,
        verdict: Verdict | None,
    ) -> None:
        """Record where it stands, and raise.

        An error that leaves nothing behind leaves no half-done state either.
        """
        if self.session.is_closed:
            raise SessionLost(str(failure)) from failure
        columns: dict[str, str | int | None] = {
            "state": State.FAILED,
            "statements_done": at,
            "before_image": None,
            "error": self.ready.filled.veiled(failure.message),
        }
        if at == 0 and isinstance(self.step, Apply):
            await self.update(columns, history.supersede_row(self.session, self.row_id))
            left = "nothing of it stands"
        elif at == 0:
            columns |= {"state": State.APPLIED, "direction": Direction.UP}
            await self.update(columns)
            left = "nothing of it was done"
        else:
            await self.update(columns)
            left = (
                f"statements 1 to {at} of {self.total} stand; correct the file from"
                " there on and run again"
            )
        error: MigrationError
        if verdict is not None:
            error = failures.block_limit_reached(
                self.step, self.ready, verdict, statement
            )
        else:
            error = failures.failed(
                self.step,
                self.ready,
                failure,
                self.run,
                offset=failure.position,
                statement=statement,
                left=left,
            )
        raise error

    def undecided(self, at: int, failure: StatementFailed | None = None) -> NeedsRepair:
        """Nobody but a person can say what became of statement *at*."""
        what = f": {failure.message} (SQLSTATE {failure.sqlstate})" if failure else ""
        script = self.ready.script
        statement = script.statements[at] if script and at < self.total else None
        verb = "migration" if self.step.direction is Direction.UP else "roll-back of"
        error = NeedsRepair(
            f"statement {at + 1} of {self.total} of {verb} {self.step.version} was"
            " interrupted outside a transaction, and no catalogue can say how far it"
            f" came{what}; {at} statements stand",
            version=self.step.version,
            file=self.ready.part.file,
            line=self.ready.part.line,
            statement=statement.text if statement else None,
            sqlstate=failure.sqlstate if failure else None,
            hint="look at what it left, then `asyncmigrate repair --resume` (go on"
            f" after it), `--mark-applied {self.step.version}` or"
            f" `--mark-pending {self.step.version}`",
        )
        error.__cause__ = failure
        return error

    # ---- Python

    async def run_python(self) -> None:
        """A Python migration with ``transaction = False``: done, or undecided."""
        await self.update({"before_image": Image("uncertain", {}).to_json()})
        await self.session.execute(transaction.resets())
        self.watch.begin(self.step.version, self.ready.block_limit, is_python=True)
        try:
            await python.call(self.step, self.session)
        except python.Raised as raised:
            self.watch.end()
            await self._roll_back()
            error = self.undecided(0)
            error.__cause__ = raised.error
            await self.update({"state": State.FAILED, "error": str(raised)})
            raise error from raised.error
        except BaseException:
            self.watch.end()
            raise
        self.watch.end()
        await self._roll_back()


_COMMITS: Final = re.compile(r"\b(?:commit|rollback|call|execute)\b", re.IGNORECASE)


def _may_commit(statement: Statement, kind: StatementKind) -> bool:
    """Whether a CALL or DO may end transactions of its own."""
    return kind.uncertain and (
        kind.words[0] == "CALL" or _COMMITS.search(statement.text) is not None
    )


def _half_done(step: Step) -> Applied | None:
    if isinstance(step, Apply):
        return step.row
    return step.row if step.row.state is not State.APPLIED else None


async def apply_piecewise(
    step: Step, ready: Ready, session: Session, run: Run, watch: Watch
) -> Done:
    """Run *step* statement by statement, from where it stands.

    Cancelled: the row keeps ``running`` and its before-image; the next run recovers.

    Raises:
        MigrationFailed: a statement failed; those before it stand and are recorded.
        NeedsRepair: no catalogue can say what became of a statement.
    """
    began = time.monotonic()
    await session.execute(transaction.resets() + SEARCH_PATH)
    piece = _Piece(step, ready, session, run, watch)
    done = await piece.begin()
    if ready.script is None:
        await piece.run_python()
    else:
        await piece.run_all(done)
    finished: dict[str, str | int | None] = {
        "state": State.APPLIED,
        "statements_done": piece.total,
        "before_image": None,
        "error": None,
    }
    await piece.update(finished, finish=True)
    if step.direction is Direction.DOWN:
        await session.execute(history.roll_back_row(session, piece.row_id))
    return Done(time.monotonic() - began, piece.attempts)
