"""Structure for tasks: one way in, one way out, and nothing hangs in a clean-up."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from asyncmigrate.errors import InvalidUsage

T = TypeVar("T")


def require_asyncio() -> None:
    """Fail at once under another event loop: asyncpg speaks asyncio alone.

    Raises:
        InvalidUsage: no asyncio loop is running here.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        message = "asyncmigrate runs under asyncio, and this is another event loop"
        raise InvalidUsage(
            message, hint="under trio, call it through a thread with `asyncio.run`"
        ) from None


async def in_child_task(work: Callable[[], Awaitable[T]]) -> T:
    """Run *work* in a child task and return what it returns.

    ``task.cancel()`` interrupts one await only: a ROLLBACK that follows on a dead
    connection would wait for ever (measured). In a child of a task group the same
    cancellation interrupts every unshielded await after it. Errors arrive as
    themselves, not in an exception group.
    """
    results: list[T] = []
    errors: list[Exception] = []

    async def child() -> None:
        try:
            results.append(await work())
        except Exception as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(child)
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def bounded(seconds: float) -> Iterator[anyio.CancelScope]:
    """A clean-up that no cancellation interrupts, and that ends after *seconds*."""
    with anyio.move_on_after(seconds, shield=True) as scope:
        yield scope
