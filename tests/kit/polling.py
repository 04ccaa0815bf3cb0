"""Waiting for what another process or session is about to do."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], *, within: float = 20) -> T:
    """The first answer of *ask* that is true; a generous limit, for slow machines."""
    with anyio.fail_after(within):
        while True:
            answer = await ask()
            if answer:
                return answer
            await anyio.sleep(0.02)
