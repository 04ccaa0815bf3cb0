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
        self._parts = urlsplit(dsn)
        self._delay = latency / 2
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0
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
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        listening = asyncio.start_server(self._serve, HOST, 0)
        server = self._loop.run_until_complete(listening)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        server.close()
        self._loop.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        upstream = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        line = _Line(self._delay)
        trips, number = self._trips, len(self._trips)
        trips.append(0)

        def count() -> None:
            if line.is_answered:
                trips[number] += 1
                line.is_answered = False

        await asyncio.gather(
            line.carry(reader, upstream[1], on_read=count),
            line.carry(upstream[0], writer, on_written=line.answer),
        )


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
                await writer.drain()

        passing = asyncio.create_task(pass_on())
        data = b"-"
        while data:
            data = b""
            with suppress(OSError):
                data = await reader.read(CHUNK)
            if data:
                on_read()
            queue.put_nowait((loop.time() + self._delay, data))
        with suppress(OSError):
            await passing


@contextmanager
def far(dsn: str, latency: float) -> Generator[Proxy]:
    """A proxy before the server of *dsn*, *latency* seconds away."""
    proxy = Proxy(dsn, latency)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
