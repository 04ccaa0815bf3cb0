"""Short-lived tokens in place of a password, as clouds hand them out.

asyncmigrate takes a function that connects, and calls it for each connection that it
needs: the one that migrates, the one that keeps the lease, and again when one of them
was lost, be it an hour later. So each gets a token that is still good.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import asyncpg

Fetch = Callable[[], tuple[str, float]]
"""Asks whoever hands out tokens: a token, and the seconds for which it is good."""


def connector(
    dsn: str, fetch: Fetch, *, spare: float = 60.0
) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """A function for ``connect=``; a token is used again until *spare* seconds are left.

    The keeper calls it in a thread with an event loop of its own, so nothing in here may
    belong to one: the lock is a thread's, and *fetch* is called in a thread too.
    """
    lock = threading.Lock()
    token, good_until = "", 0.0

    def current() -> str:
        nonlocal token, good_until
        with lock:
            if time.monotonic() > good_until - spare:
                token, seconds = fetch()
                good_until = time.monotonic() + seconds
            return token

    async def password() -> str:
        return await asyncio.to_thread(current)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(dsn, password=password)

    return connect
