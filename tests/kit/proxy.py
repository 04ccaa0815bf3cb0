"""A loopback proxy before the server, which hears what the client says."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

HOST = "127.0.0.1"


class Proxy:
    """Passes everything on, and keeps the client's messages, connection by connection."""

    def __init__(self, dsn: str, port: int) -> None:
        parts = urlsplit(dsn)
        self._target = (parts.hostname or "localhost", parts.port or 5432)
        user, at, _ = parts.netloc.rpartition("@")
        self.dsn = urlunsplit(
            parts._replace(netloc=f"{user}{at}{HOST}:{port}", query="sslmode=disable")
        )
        self.connections: list[list[tuple[str, bytes]]] = []
        """Type and payload of each message, the start-up one's type being empty."""
        self.on_query: Callable[[str], Awaitable[bool]] | None = None
        """Asked before a simple query is passed on; false swallows it."""
        self.is_deaf = False
        """Swallows what the server answers, while it is set."""
        self.is_dumb = False
        """Swallows what the client says, while it is set."""
        self.deaf_to: set[int] = set()
        """The connections, by number, whose answers it swallows from now on."""
        self.dumb_to: set[int] = set()
        """The connections, by number, whose requests it swallows from now on."""
        self.on_message: Callable[[int], None] | None = None
        """Told of each message of a client, before it is passed on, by whose it is."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def queries(self) -> list[str]:
        """The texts of all simple queries, and the names of all other messages."""
        return [
            payload.rstrip(b"\0").decode() if kind == "Q" else kind
            for messages in self.connections
            for kind, payload in messages
            if kind not in {"", "p", "X"}
        ]

    def cut(self) -> None:
        """Cut every connection at once, both halves."""
        for writer in self._writers:
            writer.transport.abort()

    def cut_clients(self) -> None:
        """Cut the clients off; what they have sent still reaches the server."""
        for writer in self._writers[::2]:
            writer.transport.abort()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, server_writer]
        messages: list[tuple[str, bytes]] = []
        number = len(self.connections)
        self.connections.append(messages)
        back = asyncio.create_task(self._pipe(server_reader, writer, number))
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                # Only what comes first has no type.
                kind = await reader.readexactly(1) if messages else b""
                length = await reader.readexactly(4)
                payload = await reader.readexactly(struct.unpack("!i", length)[0] - 4)
                messages.append((kind.decode(), payload))
                if self.on_message is not None:
                    self.on_message(number)
                if number in self.dumb_to or not await self._passes(kind, payload):
                    continue
                server_writer.write(kind + length + payload)
                await server_writer.drain()
        server_writer.close()

    async def _passes(self, kind: bytes, payload: bytes) -> bool:
        if self.is_dumb:
            return False
        if kind != b"Q" or self.on_query is None:
            return True
        return await self.on_query(payload.rstrip(b"\0").decode())

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if not self.is_deaf and number not in self.deaf_to:
                    writer.write(data)
                    await writer.drain()
            writer.close()


@asynccontextmanager
async def listening(dsn: str, port: int = 0) -> AsyncGenerator[Proxy]:
    """A proxy before the server of *dsn*, on *port* or on a free one."""
    proxy: Proxy | None = None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert proxy is not None
        await proxy.serve(reader, writer)

    server = await asyncio.start_server(serve, HOST, port)
    proxy = Proxy(dsn, server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await asyncio.sleep(0)


@asynccontextmanager
async def before_the_first(dsn: str) -> AsyncGenerator[tuple[Proxy, dict[str, Any]]]:
    """A proxy before a run's first session, and no other; the options for that."""
    dials = 0
    async with listening(dsn) as proxy:

        async def connect() -> asyncpg.Connection:
            nonlocal dials
            dials += 1
            to = proxy.dsn if dials == 1 else dsn
            return await asyncpg.connect(to, statement_cache_size=0)

        yield proxy, {"dsn": None, "connect": connect}
