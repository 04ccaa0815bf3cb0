"""TLS for tests: authorities and certificates of an hour, and a server that asks for them.

Not every PostgreSQL was built with TLS; that of the extra was not. `speaking` stands in
front of any server and speaks it in its place, as a proxy in a cloud does.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import trustme

HOST = "localhost"
_SSL_REQUEST = 80877103
"""PostgreSQL manual, Message Formats: SSLRequest."""


class Authority:
    """Signs certificates; its own is a file, for ``sslrootcert``."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._ca = trustme.CA()
        self.file = directory / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, *hosts: str, common_name: str | None = None) -> tuple[Path, Path]:
        """A certificate for *hosts* or for a role: its file, and that of its key."""
        issued = self._ca.issue_cert(*hosts, common_name=common_name)
        name = common_name or hosts[0]
        certificate = self._directory / f"{name}.crt"
        key = self._directory / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(key)
        return certificate, key


@asynccontextmanager
async def speaking(dsn: str, authority: Authority) -> AsyncGenerator[str]:
    """The DSN of a place that speaks TLS and passes everything on to *dsn*'s."""
    parts = urlsplit(dsn)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(HOST))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_close, writer)
            first = await reader.readexactly(8)
            if struct.unpack("!ii", first)[1] == _SSL_REQUEST:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(context)
                first = b""
            inner, outer = await asyncio.open_connection(parts.hostname, parts.port)
            stack.push_async_callback(_close, outer)
            outer.write(first)
            await asyncio.gather(_pass(reader, outer), _pass(inner, writer))

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        serving.add(task)
        # A client that does not like the certificate leaves in the middle of it.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    serving: set[asyncio.Task[None]] = set()
    server = await asyncio.start_server(start, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    user = parts.netloc.rpartition("@")[0]
    try:
        yield urlunsplit(parts._replace(netloc=f"{user}@{HOST}:{port}"))
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()
