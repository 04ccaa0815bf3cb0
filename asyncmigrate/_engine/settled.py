"""Nothing to do, told from digests alone: what nearly every start of a service finds.

Who gets no yes here has learnt nothing, and looks at everything.
"""

from asyncmigrate._database.digests import read_digests
from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine.context import Run


async def is_settled(session: Session, run: Run) -> bool:
    """Whether every file stands applied with these very bytes, and nothing else does.

    One round trip, with SELECT alone. What it may not read it leaves to the look.
    """
    if run.hashing is None or run.fencing_token:
        return False
    try:
        standing = await read_digests(session)
    except StatementFailed:
        return False
    return bool(standing) and standing == await run.hashing.digests()
