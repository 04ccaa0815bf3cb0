"""Lost connections: how long they are borne, and what became of what was under way.

Whether a lost COMMIT went through is asked of the history, and only under the lock
(I11). A run that is to end still asks, so that its error says what is so.
"""

import time
from typing import Final

from asyncmigrate._database.failures import SessionLost
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.stepping import settle_doubt
from asyncmigrate._engine.telling import fail_step
from asyncmigrate._engine.together import skip_steps
from asyncmigrate._migration import History
from asyncmigrate.errors import (
    CommitUndecided,
    DatabaseUnreachable,
    LockLost,
    MigrationError,
    MigrationFailed,
)

TRIES: Final = 5
"""How often a migration may lose its connection in a row: it may be what crashes the
server, and every try costs all other users of that server their sessions."""

LOSSES: Final = 20
"""How often the connection may be lost in a row without a migration under way."""


class Losses:
    """Counts lost connections, as long as nothing is gained between them."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._standing = 0
        self._since = 0.0
        self._in_a_row = 0
        self._pauses = pauses(0.1, 2.0)
        self.last: SessionLost | None = None

    def begin(self) -> None:
        """A session begins."""
        if len(self._run.results) > self._standing:
            self._in_a_row = 0
            self._pauses = pauses(0.1, 2.0)
        self._standing = len(self._run.results)

    def count(self, error: SessionLost) -> tuple[float, float]:
        """How long to wait for the database, and how long to pause before that.

        Raises:
            MigrationError: it has been long enough, or too often.
        """
        run, now = self._run, time.monotonic()
        if len(run.results) > self._standing:
            self._in_a_row = 0
        if self._in_a_row == 0:
            self._since = now
        self._in_a_row += 1
        self.last = error
        patience = run.settings.lock_wait - (now - self._since)
        if run.waiting_since is not None:
            # Whether the lock can be had in time is still to be found out.
            left = run.settings.lock_wait - (now - run.waiting_since)
            patience = max(patience, left)
        if patience <= 0 or self._in_a_row >= LOSSES:
            raise gone(run, error) from error
        suspect = run.suspect
        if suspect is not None and self._in_a_row >= TRIES:
            run.stopping = MigrationFailed(
                f"the connection was lost {self._in_a_row} times in a row while"
                f" migration {suspect.version} was under way ({error}); the"
                f" server rolled it back; {run.standing()}",
                version=suspect.version,
                file=suspect.part.file,
                hint="the server's log says whether it crashed or somebody ended the"
                " session",
            )
        return patience, next(self._pauses)


def gone(run: Run, error: Exception) -> MigrationError:
    if run.in_doubt is None:
        return DatabaseUnreachable(
            f"the connection was lost, and not to be had again: {_first_line(error)};"
            f" {run.standing()}",
            hint="run again when the database is back",
        )
    version = run.in_doubt.version
    under_way = version
    if run.beside:
        under_way = f"the transaction of {run.beside[0].version} to {version}"
    what = "the connection was lost"
    if isinstance(run.stopping, LockLost):
        what = f"{run.stopping.message.partition(';')[0]},"
    return CommitUndecided(
        f"{what} while {under_way} was under way, and whether it was committed could"
        f" not be found out: {_first_line(error)}",
        version=version,
        hint="run `asyncmigrate status` when the database is back; the next run decides"
        " by itself",
    )


def _first_line(error: Exception) -> str:
    return str(getattr(error, "message", error))


def settle(run: Run, history: History) -> None:
    """Find out what became of the migration in doubt; end a run that was to end."""
    step, beside, suspect = run.in_doubt, run.beside, run.suspect
    before = len(run.results)
    settle_doubt(run, history)
    stopping, run.stopping = run.stopping, None
    if stopping is None:
        return
    done = len(run.results) > before
    if isinstance(stopping, LockLost) and done and step is not None:
        reason = stopping.message.removeprefix("the lock was lost: ").partition(";")[0]
        raise LockLost(reason, left=f"{step.version} had been committed by then")
    if isinstance(stopping, MigrationFailed) and suspect is not None:
        if done:
            return
        if suspect in beside:
            beside = beside[: beside.index(suspect)]
        skip_steps(beside, run)
        fail_step(suspect, run, stopping)
    raise stopping
