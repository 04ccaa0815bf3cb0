"""Nothing to do, told from digests alone: what nearly every start of a service finds.

One connection, one question, no lock and no write. It comes before the run, so that
the rest of the engine need not be loaded for it. Whoever gets no yes here has learnt
nothing, and the run looks at everything; it goes on with the session, if there is one.

Nothing is awaited while it cleans up, so that a cancellation ends it at once without
the structure that a run needs for that.
"""

import asyncio
from dataclasses import dataclass

from asyncmigrate._database.digests import read_digests
from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._digests import PlainDirectory
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.hashing import Hashing
from asyncmigrate._engine.opening import dial
from asyncmigrate.events import ConnectionLost


@dataclass(frozen=True, slots=True)
class Asked:
    """What the question came to."""

    settled: bool
    session: Session | None = None
    """For the run to go on with; null when it was lost, or is not needed."""


async def ask_digests(directory: PlainDirectory, run: Run) -> Asked:
    """Whether every file stands applied with these very bytes, and nothing else does.

    Raises:
        DatabaseUnusable: it cannot be reached, as the run would say.
    """
    hashing = Hashing(directory)
    try:
        session = await dial(run, run.settings.wait_for_database)
    except BaseException:
        hashing.stop()
        raise
    try:
        async with asyncio.timeout(run.answer_limit):
            hashing.resume()
            standing = await read_digests(session, directory.keys)
            if standing and standing == await hashing.digests():
                session.terminate()
                return Asked(settled=True)
    except StatementFailed:
        pass  # what may not be read the look tells
    except (SessionLost, TimeoutError) as error:
        session.terminate()
        lost = str(error) or f"the server gave no answer within {run.answer_limit:g} s"
        run.emit(ConnectionLost(error=lost, version=None))
        return Asked(settled=False)
    except BaseException:
        session.terminate()
        raise
    return Asked(settled=False, session=session)
