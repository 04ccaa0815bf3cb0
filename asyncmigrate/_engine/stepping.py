"""One step after the other: each applied, told, and counted."""

from collections.abc import Sequence

from asyncmigrate._database.failures import Veil
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._engine.apply import apply, write_ahead
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.piecewise import apply_piecewise
from asyncmigrate._engine.prepare import Prepared
from asyncmigrate._engine.repeatables import apply_repeatables, split_off
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.telling import begin_step, fail_step, finish_step
from asyncmigrate._engine.together import apply_together
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Direction, History, Kind, State
from asyncmigrate._plan import Apply, Step, Undo
from asyncmigrate._sql.placeholders import Filled
from asyncmigrate.errors import MigrationError, MigrationFailed


class Renew(Exception):
    """The session holds what no reset undoes: go on with a new one."""


async def take_steps(ready: Prepared, session: Session, run: Run, watch: Watch) -> None:
    """Apply every step of the plan.

    Raises:
        Renew: there is more to do, on a new session.
        MigrationError: the first that failed; what was before it stands.
    """
    run.ahead = None  # written for a session before this one
    planned = list(zip(ready.plan.steps, ready.readies, strict=True))
    steps, repeatables = split_off(planned)
    if run.settings.single_transaction and planned:
        with session.veiled(_veil(planned)):
            await apply_together(planned, session, run, watch)
        return
    for at, (step, script) in enumerate(steps):
        for coming in steps[at + 1 : at + 2]:
            write_ahead(*coming, session, run)
        with session.veiled(_veil([(step, script)])):
            await take_step(step, script, session, run, watch)
        more = at + 1 < len(steps) or repeatables or ready.plan.refresh
        if more and _leaves_traces(script):
            raise Renew
    with session.veiled(_veil(repeatables)):
        await apply_repeatables(repeatables, session, run, watch)
    await session.execute(SEARCH_PATH)


def _veil(steps: Sequence[tuple[Step, Ready]]) -> Veil:
    """Hides the placeholders' values of all that share a transaction."""
    spans = [span for _, ready in steps for span in ready.filled.spans]
    return Filled("", tuple(spans)).veiled


def _leaves_traces(ready: Ready) -> bool:
    return ready.script is None or ready.script.needs_new_session


async def take_step(
    step: Step, ready: Ready, session: Session, run: Run, watch: Watch
) -> None:
    """One migration, with its events and its result."""
    begin_step(step, run)
    piecewise = not ready.transaction or (isinstance(step, Apply) and step.row)
    half = isinstance(step, Undo) and step.row.state is not State.APPLIED
    run.in_doubt = step
    try:
        if piecewise or half:
            done = await apply_piecewise(step, ready, session, run, watch)
        else:
            done = await apply(step, ready, session, run, watch)
    except MigrationFailed as error:
        run.in_doubt = None
        if isinstance(step, Apply) and step.forgiving:
            run.give_up(step.version, error.message)
            return
        fail_step(step, run, error)
        raise
    except MigrationError as error:
        run.in_doubt = None
        fail_step(step, run, error)
        raise
    run.in_doubt = None
    finish_step(step, run, done.duration, done.attempts)


def settle_doubt(run: Run, history: History) -> None:
    """What became of the migrations that a lost connection interrupted (I11).

    Asked under the lock, on the same server and timeline.
    """
    step, beside = run.in_doubt, run.beside
    run.in_doubt, run.beside = None, ()
    run.current = None
    if step is None:
        return
    for each in (*beside, step):
        if _stands(each, run, history):
            finish_step(each, run, 0.0, 1)


def _stands(step: Step, run: Run, history: History) -> bool:
    """Whether the history says that this run has done *step*."""
    rows = (*history.rows, *history.repeatables)
    if isinstance(step, Undo):
        if step.row.kind is Kind.REPEATABLE:
            # One that another run has applied since is not owed to anybody.
            return all(row.version_key != step.row.version_key for row in rows)
        return all(row.id != step.row.id for row in rows)
    return any(
        row.version_key == step.file.key
        and row.run_id == run.run_id
        and row.state is State.APPLIED
        and row.direction is Direction.UP
        for row in rows
    )
