"""A far server: a proxy on the loopback that holds each byte back, and counts trips.

It lives in a thread of its own, so what is measured has to be another process.
"""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

HOST = "127.0.0.1"
CHUNK = 1 << 16


class Proxy:
    """Each way takes half of the latency, so that a question and its answer take it."""

    def __init__(self, dsn: str, latency: float) -> None:
        self._target = urlsplit(dsn)
        self._delay = latency / 2
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._port = 0
        self._serving: set[asyncio.Task[None]] = set()
        self._trips: list[int] = []

    @property
    def trips(self) -> int:
        """Of the connection that made the most: how often it waited for an answer."""
        return max(self._trips, default=0)

    def forget(self) -> None:
        """Count from nothing again."""
        self._trips = []

    def dsn(self, dsn: str) -> str:
        """The same database of the same server, through the proxy."""
        parts = urlsplit(dsn)
        login = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{login}@{HOST}:{self._port}"))

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Cut every connection, and end the thread."""
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _live(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, HOST, 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # A task of our own: a cancelled one of its own start_server complains about.
        task = asyncio.create_task(self._pass_on(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        await asyncio.wait([task])

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target = self._target
        far_reader, far_writer = await asyncio.open_connection(
            target.hostname, target.port
        )
        line = _Line(self._delay)
        trips, number = self._trips, len(self._trips)
        trips.append(0)

        def count() -> None:
            if line.is_answered:
                trips[number] += 1
                line.is_answered = False

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(line.carry(reader, far_writer, on_read=count))
                tasks.create_task(
                    line.carry(far_reader, writer, on_written=line.answer)
                )
        finally:
            for end in (writer, far_writer):
                end.transport.abort()


class _Line:
    """Both directions of one connection."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self.is_answered = True

    def answer(self) -> None:
        self.is_answered = True

    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_read: Callable[[], None] = lambda: None,
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        """Pass on what comes, in its order, each piece so much later."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def pass_on() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - loop.time())
                if not data:
                    writer.close()
                    return
                writer.write(data)
                on_written()
                with suppress(OSError):
                    await writer.drain()

        async with asyncio.TaskGroup() as tasks:
            passing = tasks.create_task(pass_on())
            data = b"-"
            while data and not passing.done():
                data = b""
                with suppress(OSError):
                    data = await reader.read(CHUNK)
                if data:
                    on_read()
                queue.put_nowait((loop.time() + self._delay, data))


@contextmanager
def far(dsn: str, latency: float) -> Generator[Proxy]:
    """A proxy before the server of *dsn*, *latency* seconds away."""
    proxy = Proxy(dsn, latency)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
