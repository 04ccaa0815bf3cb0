"""Repeatables order themselves: one transaction, a savepoint each, round after round.

One that fails for want of an object waits for the next round, since another of them
may make it. No progress is an error with every reason.
"""

import time
from collections.abc import Sequence

from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine.apply import Attempt
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.together import Steps, run_inside
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Kind
from asyncmigrate._plan import Apply, Step
from asyncmigrate.errors import MigrationFailed

WANTING = frozenset({"42P01", "42883", "42703", "42704"})
"""undefined_table, undefined_function, undefined_column, undefined_object."""


def ordering_themselves(step: Step, ready: Ready) -> bool:
    """Whether a step takes part: a repeatable that shares a plain transaction."""
    return (
        isinstance(step, Apply)
        and step.file.kind is Kind.REPEATABLE
        and ready.script is not None
        and ready.transaction
        and not ready.script.modes
        and not ready.script.needs_new_session
    )


class NoProgress(Exception):
    """A round in which nothing could be applied: what is left, and why."""

    def __init__(self, left: Sequence[tuple[Step, Ready, StatementFailed]]) -> None:
        super().__init__(f"{len(left)} repeatables left")
        self.left = tuple(left)


async def run_rounds(
    steps: Steps, session: Session, run: Run, watch: Watch, xid: str
) -> dict[int, float]:
    """Run *steps* inside the open transaction; seconds of each, by its place.

    Raises:
        NoProgress: what is left can never be applied; the transaction still holds
            what could be.
        StatementFailed: one failed for another reason.
    """
    took: dict[int, float] = {}
    waiting = list(range(len(steps)))
    while waiting:
        left: list[tuple[int, StatementFailed]] = []
        for at in waiting:
            step, ready = steps[at]
            attempt = Attempt()
            began = time.monotonic()
            watch.begin(step.version, ready.block_limit, is_python=False)
            run.current = step.version
            await session.execute("SAVEPOINT asyncmigrate")
            try:
                await run_inside(step, ready, session, run, attempt, xid)
            except StatementFailed as failure:
                if failure.sqlstate not in WANTING:
                    raise
                await session.execute("ROLLBACK TO SAVEPOINT asyncmigrate")
                left.append((at, failure))
            else:
                took[at] = time.monotonic() - began
            await session.execute("RELEASE SAVEPOINT asyncmigrate")
        if len(left) == len(waiting):
            raise NoProgress([(*steps[at], failure) for at, failure in left])
        waiting = [at for at, _ in left]
    return took


def no_progress(error: NoProgress, run: Run) -> MigrationFailed:
    """Every reason at once."""
    step, ready, failure = error.left[0]
    final = failures.failed(
        step,
        ready,
        failure,
        run,
        offset=failure.position,
        left="the repeatables were rolled back",
    )
    others = [
        f"{other.version}: {why.message} (SQLSTATE {why.sqlstate})"
        for other, _, why in error.left[1:]
    ]
    if others:
        also = "none of these could be applied before another one:\n" + "\n".join(
            others
        )
        final.detail = f"{final.detail}\n{also}" if final.detail else also
    return final
