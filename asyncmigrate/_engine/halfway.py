"""The row of a migration that is half way: what stands of it, and where it goes on.

Every write says how far it is, and does nothing when the lock is somebody else's.
"""

from dataclasses import dataclass

from asyncmigrate._database import history, transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.history import Ending
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.failure import NOT_OURS
from asyncmigrate._engine.record import script_sql
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Applied, Direction, State
from asyncmigrate._plan import Apply, Step
from asyncmigrate._sql.checksum import token_checksum
from asyncmigrate._sql.script import Script, read_script
from asyncmigrate.errors import LockLost, NeedsRepair

Columns = dict[str, str | int | None]


def half_done(step: Step) -> Applied | None:
    """The row that *step* goes on with."""
    if isinstance(step, Apply):
        return step.row
    return step.row if step.row.state is not State.APPLIED else None


class HalfWay:
    """The row of one migration that runs piece by piece."""

    def __init__(self, step: Step, ready: Ready, session: Session, run: Run) -> None:
        self._step = step
        self._ready = ready
        self._session = session
        self._run = run
        self._id = 0
        self.total = len(ready.script.statements) if ready.script else 1

    async def open(self) -> None:
        """The row says ``running``, from the first statement on.

        Raises:
            LockLost: the lock is somebody else's.
        """
        step, session = self._step, self._session
        if not isinstance(step, Apply):
            self._id = step.row.id
            await self.write(
                {
                    "state": State.RUNNING,
                    "direction": Direction.DOWN,
                    "statements_done": 0,
                    "statements_total": self.total,
                    "error": None,
                }
            )
            return
        sql = history.insert_row(
            session,
            step.file,
            step.definition,
            self._run.mark,
            state=State.RUNNING,
            statements_total=self.total,
        )
        await session.execute(transaction.ourselves())
        if await transaction.keep_lock(session) is None:
            raise LockLost(NOT_OURS, left="nothing of it was run")
        rows = await session.ask(f"{sql} RETURNING id")
        self._id = int(rows[0][0] or 0)
        if scripts := script_sql(step.definition, session, self._run):
            await session.execute(";".join(scripts))

    def adopt(self, row: Applied) -> "HalfWay":
        """Go on with a row that is there."""
        self._id = row.id
        return self

    async def reopen(self, row: Applied, done: int) -> None:
        """A row that stands half way says ``running`` again, after *done* statements."""
        step, session = self._step, self._session
        columns: Columns = {
            "state": State.RUNNING,
            "statements_total": self.total,
            "statements_done": done,
            "before_image": None,
            "run_id": self._run.run_id,
            "fencing_token": self._run.fencing_token,
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
        await self.adopt(row).write(columns)
        if isinstance(step, Apply) and (
            scripts := script_sql(step.definition, session, self._run)
        ):
            await session.execute(";".join(scripts))

    async def require_same(self, row: Applied, done: int) -> None:
        """What stands must be what the file still says.

        Raises:
            NeedsRepair: one of the first *done* statements is another one now.
        """
        ready, step = self._ready, self._step
        if not done or ready.script is None:
            return
        up = row.direction is Direction.UP
        checksum = row.checksum if up else row.down_checksum
        if isinstance(step, Apply) and checksum == step.definition.checksum:
            return
        stored = await history.read_scripts(self._session, {checksum or ""})
        text = stored.get(checksum or "", "")
        old = read_script(text, transaction=False, blocks=ready.part.options.blocks)
        new = read_script(
            ready.part.text, transaction=False, blocks=ready.part.options.blocks
        )
        before = [token_checksum(each.text) for each in old.statements[:done]]
        now = [token_checksum(each.text) for each in new.statements[:done]]
        if before == now:
            return
        message = (
            f"{done} statements of migration {row.version} stand, and they are not"
            " the ones that its file begins with now; nothing was run"
        )
        raise NeedsRepair(
            message,
            version=row.version,
            file=ready.part.file,
            hint="put those statements back as they were; only what follows may"
            " be corrected",
        )

    def progress_sql(self, done: int) -> str:
        """The UPDATE that commits together with what it counts."""
        columns: Columns = {"statements_done": done, "before_image": None}
        return history.set_columns(self._session, self._id, columns)

    async def write(self, columns: Columns, ending: Ending | None = None) -> None:
        """Write to the row, only while the lock is ours.

        Raises:
            LockLost: it is not.
        """
        session = self._session
        await session.execute(transaction.ourselves())
        sql = history.update_if_locked(
            session, self._id, columns, run_id=self._run.run_id, ending=ending
        )
        if not await session.ask(sql):
            raise LockLost(NOT_OURS, left="what its statements had done by then stays")

    async def finish(self) -> None:
        """It is done, or undone."""
        up = self._step.direction is Direction.UP
        columns: Columns = {
            "statements_done": self.total,
            "before_image": None,
            "error": None,
        }
        await self.write(columns, Ending.APPLIED if up else Ending.UNDONE)

    async def fail(
        self, done: int, failure: StatementFailed, *, keep_image: bool = False
    ) -> str:
        """Say where it stands; an error that leaves nothing behind leaves no row.

        Returns what stands, in words. *keep_image*: the statement is not settled yet.

        Raises:
            SessionLost: the connection is gone; the row says ``running``.
        """
        if self._session.is_closed:
            raise SessionLost(str(failure)) from failure
        columns: Columns = {
            "state": State.FAILED,
            "statements_done": done,
            "error": failure.message,
        }
        if not keep_image:
            columns["before_image"] = None
        if done or keep_image:
            await self.write(columns)
            return self._standing(done)
        if isinstance(self._step, Apply):
            await self.write(columns, Ending.SET_ASIDE)
            return "nothing of it stands"
        row = self._step.row
        columns |= {"state": State.APPLIED, "direction": Direction.UP, "error": None}
        if row.direction is Direction.UP:
            columns["statements_done"] = row.statements_done
            columns["statements_total"] = row.statements_total
        await self.write(columns)
        return "nothing of it was done"

    def _standing(self, done: int) -> str:
        if not done:
            return "no statement of it stands"
        which = "statement 1" if done == 1 else f"statements 1 to {done}"
        return (
            f"{which} of {self.total} stand{'s' if done == 1 else ''}; correct the file"
            " from there on and run again"
        )


@dataclass(slots=True)
class Piece:
    """One migration that runs piece by piece, and all that it needs."""

    step: Step
    ready: Ready
    session: Session
    run: Run
    watch: Watch
    row: HalfWay
    attempts: int = 1

    @property
    def script(self) -> Script:
        """Its script; a Python migration has none and comes another way."""
        assert self.ready.script is not None  # noqa: S101 - see above
        return self.ready.script
