"""A connection borrowed from an application's pool, for one question."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from asyncmigrate._database.failures import describe
from asyncmigrate._database.session import Names, Session
from asyncmigrate.errors import DatabaseUnreachable, MigrationError

if TYPE_CHECKING:
    from asyncpg.pool import Pool


@asynccontextmanager
async def borrow(
    pool: "Pool[Any]", names: Names, limit: float
) -> AsyncGenerator[Session]:
    """A session on a connection of *pool*, given back in every ending.

    Cancelled, or lost: it goes back closed, since nobody knows in which state it is.

    Raises:
        DatabaseUnreachable: there was none within *limit* seconds.
    """
    try:
        connection: Any = await pool.acquire(timeout=limit)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        message = f"the pool has no connection to lend: {describe(error)}"
        raise DatabaseUnreachable(message) from error
    try:
        yield Session(connection, names)
    except MigrationError:
        raise  # told in order; a connection that was lost is closed already
    except BaseException:
        connection.terminate()
        raise
    finally:
        await pool.release(connection)
