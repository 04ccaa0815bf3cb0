"""The next databases, made while a test runs, so that the one after it waits for none.

A clone that stands ready costs room on the disk and no connection. There are only as
many as tests will ask for, and what a test has used is dropped when there is time.
"""

import asyncio
import queue
from collections import deque
from collections.abc import Callable
from typing import Final

from asyncmigrate._testing.wishes import Blueprint
from asyncmigrate._testing.yard import Yard

READY: Final = 2
"""How many stand ready at most. A third one spared no test of the length of a clone and
its DROP any waiting, and shorter ones outrun the server with any number (measured)."""
_FAREWELL: Final = 10.0
"""Seconds for what is under way to be given up; a server that stands still gives none."""
_CLUTTER: Final = 8
"""So many used ones may lie about before a new one has to wait."""


class Stock:
    """Clones of one template. Made in the yard's loop; taken from another thread."""

    def __init__(self, yard: Yard, blueprint: Blueprint, expected: int) -> None:
        self._yard = yard
        self._blueprint = blueprint
        self._loop = asyncio.get_running_loop()
        self._ready: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
        self._expected = expected
        self._wanted = 0
        """Of those who wait right now."""
        self._used: deque[str] = deque()
        self._news = asyncio.Event()
        self._failure: Exception | None = None
        self._work = asyncio.create_task(self._keep())

    # ---- from the tests' thread

    def take(self) -> str:
        """The name of a database that nobody else has; waits for one at most.

        Raises:
            MigrationError: the template could not be built.
        """
        try:
            taken = self._ready.get_nowait()
            self._tell(self._was_taken)
        except queue.Empty:
            self._tell(self._is_wanted)
            taken = self._ready.get()
        if isinstance(taken, Exception):
            raise taken
        return taken

    def give_back(self, name: str) -> None:
        """Have a database dropped."""
        self._tell(self._is_used, name)

    def _tell(self, what: Callable[..., None], *about: str) -> None:
        self._loop.call_soon_threadsafe(what, *about)

    # ---- in the yard's loop

    async def stop(self) -> None:
        """Make no more. What is there is for the yard to drop."""
        self._work.cancel()
        await asyncio.wait([self._work], timeout=_FAREWELL)

    def _was_taken(self) -> None:
        self._expected -= 1
        self._news.set()

    def _is_wanted(self) -> None:
        self._expected -= 1
        if self._failure is not None:
            self._ready.put(self._failure)
            return
        self._wanted += 1
        self._news.set()

    def _is_used(self, name: str) -> None:
        self._used.append(name)
        self._news.set()

    async def _keep(self) -> None:
        try:
            await self._work_on()
        except Exception as error:  # noqa: BLE001 - told to each test that asks
            self._failure = error
            for _ in range(self._wanted):
                self._ready.put(error)

    async def _work_on(self) -> None:
        swept = False
        while True:
            self._news.clear()
            wished = self._wanted + max(0, min(READY, self._expected))
            lacking = wished - self._ready.qsize()
            if lacking > 0 and len(self._used) < _CLUTTER:
                name = await self._yard.clone(self._blueprint)
                self._wanted = max(0, self._wanted - 1)
                self._ready.put(name)
            elif self._used:
                await self._yard.drop(self._used.popleft())
            elif not swept:
                await self._yard.sweep()
                swept = True
            else:
                await self._news.wait()
