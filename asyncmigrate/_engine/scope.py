"""Structure for tasks: one way in, one way out, and nothing hangs in a clean-up."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from asyncmigrate._database.failures import SessionLost, StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._engine.backoff import pauses
from asyncmigrate.errors import (
    DatabaseUnreachable,
    DatabaseUnusable,
    InvalidUsage,
    PrivilegeMissing,
)

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
    if not results:
        # The work itself raised it, as a migration's own code may.
        raise asyncio.CancelledError
    return results[0]


@contextmanager
def told_as_errors() -> Iterator[None]:
    """What the server or the network did to a reader, as an error of the tree.

    Raises:
        DatabaseUnreachable: the connection was lost.
        DatabaseUnusable: the server refused a statement of our own.
    """
    try:
        yield
    except SessionLost as error:
        message = f"the connection was lost: {error}"
        raise DatabaseUnreachable(message, hint="run it again") from error
    except StatementFailed as failure:
        raise refused(failure) from failure


def refused(failure: StatementFailed) -> DatabaseUnusable:
    """The server refused a statement of our own, on the tracking tables or before."""
    message = (
        f"the server refused a statement of asyncmigrate itself: {failure.message}"
        f" (SQLSTATE {failure.sqlstate})"
    )
    if failure.sqlstate == "42501":
        return PrivilegeMissing(
            message,
            sqlstate=failure.sqlstate,
            hint="run as the owner of the tracking tables, or grant this role what it"
            " lacks on them",
        )
    return DatabaseUnusable(message, sqlstate=failure.sqlstate, hint=failure.hint)


@contextmanager
def bounded(seconds: float) -> "Iterator[anyio.CancelScope]":
    """A clean-up that no cancellation interrupts, and that ends after *seconds*."""
    with anyio.move_on_after(seconds, shield=True) as scope:
        yield scope


@contextmanager
def answered_within(session: Session, seconds: float) -> Iterator[None]:
    """Where no keeper looks after the session yet: a reply that is lost ends it.

    Raises:
        SessionLost: nothing was heard for *seconds*, or the block was not through then.
    """
    with anyio.move_on_after(seconds) as scope:

        def go_on() -> None:
            scope.deadline = anyio.current_time() + seconds

        session.heard = go_on
        try:
            yield
        finally:
            session.heard = None
    if scope.cancelled_caught:
        session.terminate()
        message = f"the server gave no answer within {seconds:g} s"
        raise SessionLost(message)


async def until_cancelled(session: Session) -> None:
    """Return when the server has answered what was cancelled on *session*.

    The driver asks it once, and a request that overtakes its own statement finds the
    backend idle and is lost: 3 of 600 statements ran on to their end (measured).
    Called where nothing cancels it, within `bounded`.
    """
    for pause in pauses(0.1, 1.0):
        with anyio.move_on_after(pause) as waiting:
            await session.cancelled_is_answered()
        if session.is_closed or not waiting.cancelled_caught:
            return
        with contextlib.suppress(SessionLost):
            await session.cancel_again()
