"""Connections and pools that open themselves, in the event loop that first uses them.

They are handed to a test before its loop runs, and the loop is some test plugin's: only
the first await tells which one. They close before it does: a suspended asynchronous
generator is ended by whoever ends the loop, whatever runs it.
"""

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

import asyncpg
from asyncpg.transaction import Transaction

from asyncmigrate.errors import InvalidUsage

GRACE: Final = 5.0
"""Seconds that a farewell may take; then the socket is closed."""
GONE: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""What a farewell may meet, and harms nobody."""

_ONE_SCOPE: Final = "let the fixture and the test that uses it share one loop scope"
_NO_LOOP: Final = asyncio.AbstractEventLoop()  # type: ignore[abstract]  # it is none
_POOL: Final[dict[str, Any]] = {
    "min_size": 0,
    "max_size": 5,
    "max_queries": 50_000,
    "max_inactive_connection_lifetime": 300.0,
    "connection_class": asyncpg.Connection,
    "record_class": asyncpg.Record,
}


class LoopTie:
    """Has *leave* awaited in the loop of its making, before that loop is closed."""

    def __init__(self, leave: Callable[[], Awaitable[None]]) -> None:
        self.loop = asyncio.get_running_loop()
        self._waiting = _wait(leave)

    async def begin(self) -> None:
        """Be known to the loop."""
        await anext(self._waiting)

    async def end(self) -> None:
        """Leave now."""
        await self._waiting.aclose()


async def _wait(leave: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await leave()


def run_in(
    loop: asyncio.AbstractEventLoop, work: Callable[[], Awaitable[None]]
) -> bool:
    """Run *work* in a loop that stands still; false when it is closed, or runs."""
    if loop.is_closed() or loop.is_running():
        return False

    async def run() -> None:
        await work()

    coroutine = run()
    try:
        loop.run_until_complete(coroutine)
    except RuntimeError:
        # Another loop runs in this thread: pytest itself was started in one.
        coroutine.close()
        return False
    return True


def require_loop() -> asyncio.AbstractEventLoop:
    """The loop that runs here.

    Raises:
        InvalidUsage: it is no loop of asyncio.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        message = "asyncpg speaks asyncio alone, and this test runs in another loop"
        hint = "with anyio's plugin, let the fixture `anyio_backend` return 'asyncio'"
        raise InvalidUsage(message, hint=hint) from None


class LentConnection(asyncpg.Connection):
    """An asyncpg connection that is opened by the first thing awaited of it."""

    def __init__(self, dsn: str, **options: Any) -> None:  # noqa: ANN401 - the driver's
        """Remember where to connect; the driver's own constructor runs on opening."""
        self._dsn = dsn
        self._options = options
        self._tie: LoopTie | None = None
        self._over = False
        """Whether its test has ended; then it is never opened again."""
        self._leaving = False
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        # What the driver asks of a connection before anything is awaited of it.
        driver: Any = self
        driver._top_xact = driver._proxy = None
        driver._aborted = False
        driver._pool_release_ctr = 0

    def __del__(self) -> None:
        if self._tie is not None:
            super().__del__()

    async def open(self) -> None:
        """Connect in this loop, unless that was done.

        Raises:
            InvalidUsage: it is open in another loop, or this one is not asyncio's.
        """
        loop = require_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = (loop, asyncio.Lock())
        async with self._opening[1]:
            if self._over:
                message = "the connection is closed"
                raise asyncpg.InterfaceError(message)
            tie = self._tie
            if tie is None or tie.loop.is_closed():
                await self._connect()
            elif tie.loop is not loop:
                message = "the connection is open in another event loop"
                raise InvalidUsage(message, hint=_ONE_SCOPE)

    async def _connect(self) -> None:
        await self._dial()
        self._tie = LoopTie(self._leave)
        await self._tie.begin()

    async def _dial(self) -> None:
        lent = self

        class Opening(asyncpg.Connection):
            """What the driver makes is the object that was handed out long ago."""

            def __new__(cls, *args: Any) -> Any:  # noqa: ANN401 - not one of its own
                asyncpg.Connection.__init__(lent, *args)
                return lent

        await asyncpg.connect(self._dsn, connection_class=Opening, **self._options)

    async def _leave(self) -> None:
        """Close; called in the loop, at its end or before."""
        self._tie = None
        await self._hang_up()

    async def _hang_up(self) -> None:
        self._leaving = True
        try:
            with contextlib.suppress(*GONE):
                async with asyncio.timeout(GRACE):
                    await super().close()
        finally:
            super().terminate()
            self._leaving = False

    def end(self) -> None:
        """Close it, from outside of its loop, when the test is over."""
        tie, self._over = self._tie, True
        if tie is not None and not run_in(tie.loop, tie.end):
            self._cut(tie.loop)

    def _cut(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(super().terminate)

    # ---- the driver's methods that do not wait, or must not open it

    def _check_open(self) -> None:
        if self._tie is not None and super().is_closed():
            message = "the connection is closed"
            raise asyncpg.InterfaceError(message)

    def is_closed(self) -> bool:
        """Whether it was closed; one that is not open yet was not."""
        if self._over and not self._leaving:
            return True
        return (self._tie is not None or self._leaving) and super().is_closed()

    def transaction(self, **options: Any) -> Transaction:  # noqa: ANN401 - the driver's keywords
        """As the driver's; it opens the connection when it is started."""
        self._check_open()
        defaults = {"isolation": None, "readonly": False, "deferrable": False}
        return _Transaction(self, **(defaults | options))

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109, ARG002 - the driver's signature
        """Close it; it is not opened again."""
        tie, self._over = self._tie, True
        if tie is not None:
            await tie.end()

    def terminate(self) -> None:
        """Close the socket; it is not opened again."""
        self._over = True
        if self._tie is not None:
            super().terminate()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - called for missing ones alone
        if name in asyncpg.Connection.__slots__:
            message = "the connection is not open yet: await something of it first"
            raise asyncpg.InterfaceError(message)
        raise AttributeError(name)

    def _allow(self, method: str, sql: str | None) -> None:
        """Look at a call before it is made; a subclass may refuse it."""


class _Transaction(Transaction):
    async def start(self) -> None:
        driver: Any = self
        await driver._connection.open()
        await super().start()


def _opening(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    name = getattr(method, "__name__", "")

    @functools.wraps(method)
    async def opened(self: LentConnection, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - any of the driver's
        sql = args[0] if args else options.get("query")
        self._allow(name, sql if isinstance(sql, str) else None)
        await self.open()
        return await method(self, *args, **options)

    return opened


for _name, _method in vars(asyncpg.Connection).items():
    # A cursor calls the one that is not public.
    _waits = inspect.iscoroutinefunction(_method) and _name != "close"
    if _waits and (not _name.startswith("_") or _name == "_get_statement"):
        setattr(LentConnection, _name, _opening(_method))


class LentPool(asyncpg.Pool):
    """An asyncpg pool that is opened by the first connection taken from it."""

    def __init__(self, dsn: str) -> None:
        """Remember where to connect; in its loop the pool is made once more."""
        self._dsn = dsn
        self._tie: LoopTie | None = None
        self._over = False
        super().__init__(dsn, loop=_NO_LOOP, **_POOL)

    async def open(self) -> None:
        """Be a pool of this loop.

        Raises:
            InvalidUsage: it is open in another loop, or this one is not asyncio's.
        """
        loop = require_loop()
        if self._over or (self._tie is not None and self._tie.loop is loop):
            return
        if self._tie is not None and not self._tie.loop.is_closed():
            message = "the pool is open in another event loop"
            raise InvalidUsage(message, hint=_ONE_SCOPE)
        super().__init__(self._dsn, loop=loop, **_POOL)
        self._tie = tie = LoopTie(self._leave)
        driver: Any = super()
        await driver._async__init__()
        await tie.begin()

    async def _async__init__(self) -> "LentPool":
        await self.open()
        return self

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109 - the driver's signature
        await self.open()
        driver: Any = super()
        return await driver._acquire(timeout)

    async def _leave(self) -> None:
        self._tie = None
        with contextlib.suppress(*GONE):
            if self.get_idle_size() == self.get_size():
                async with asyncio.timeout(GRACE):
                    await super().close()
        # What somebody has not given back would be waited for.
        super().terminate()
        await asyncio.sleep(0)

    def end(self) -> None:
        """Close it, from outside of its loop; what the test kept is taken away."""
        tie, self._over = self._tie, True
        if tie is None or run_in(tie.loop, tie.end) or tie.loop.is_closed():
            return
        tie.loop.call_soon_threadsafe(super().terminate)
