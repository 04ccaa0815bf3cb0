"""A headless Chromium, where there is one, and a real server for it to visit."""

import asyncio
import os
import shutil
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_SIZE = "1100,1150"


@contextmanager
def served(application: ASGIApp) -> Generator[str]:
    """The application behind a real server, in a thread; its address."""
    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            if time.monotonic() > until or not thread.is_alive():
                message = "the server did not start"
                raise TimeoutError(message)
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


def visit(home: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Open *url*; what the page became, and on stderr what the console said."""
    assert CHROMIUM is not None
    return subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            f"--user-data-dir={home}",
            f"--window-size={_SIZE}",
            *options,
            url,
        ],
        env={**os.environ, "HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
    )


def corner(picture: Path) -> tuple[int, ...]:
    """The colour of the first pixel of a PNG: the page's ground."""
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    # The first pixel has nothing to its left or above: no filter changes it.
    return tuple(zlib.decompress(packed)[1:4])
