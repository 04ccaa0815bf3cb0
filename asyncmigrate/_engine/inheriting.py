"""A run that goes on with a new session, and keeps its lock meanwhile.

An advisory lock cannot be given away, but it passes from the session that lets go of it
to the one that waits for it before anybody else can have it. This is the one place
where a session of ours waits inside the server (I4): for a few milliseconds, for a
session that does nothing meanwhile.
"""

import contextlib

import anyio

from asyncmigrate._database import lock, transaction
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.opening import dial, require_sound
from asyncmigrate._engine.scope import bounded
from asyncmigrate._engine.stepping import Renew
from asyncmigrate.errors import MigrationError


async def new_heir(old: Session, run: Run) -> Session:
    """A new session that holds the lock and the lease of *old*.

    Cancelled: before the lock has passed, the new session is dropped.

    Raises:
        Renew: there is none to be had beside *old*; it must let go first.
    """
    heir: Session | None = None
    try:
        # Nobody renews the lease meanwhile.
        with anyio.fail_after(run.settings.lease_interval):
            heir = await dial(run, 0)
            await require_sound(heir, run)
        with bounded(run.settings.cleanup_grace):
            if await _pass_on(old, heir, run):
                inherited, heir = heir, None
                return inherited
    except (MigrationError, SessionLost, StatementFailed, TimeoutError) as error:
        raise Renew from error
    finally:
        if heir is not None:
            heir.terminate()
    raise Renew


async def _pass_on(old: Session, heir: Session, run: Run) -> bool:
    """Let *heir* wait for the lock, and *old* let go of it; whether it has passed."""
    passed = over = False

    async def inherit() -> None:
        nonlocal passed, over
        with contextlib.suppress(SessionLost, StatementFailed):
            await lock.wait_for(heir)
            passed = True
        over = True

    async with anyio.create_task_group() as group:
        group.start_soon(inherit)
        try:
            await old.execute(transaction.ourselves())
            # No server tells when somebody begins to wait.
            while not over and not await lock.is_waiting(old, heir.pid):  # noqa: ASYNC110 - see above
                await anyio.sleep(0.002)
            if not over:
                await lock.hand_over(old, run.run_id, heir.pid)
        except (SessionLost, StatementFailed):
            heir.terminate()
    return passed and not heir.is_closed
