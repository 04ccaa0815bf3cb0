"""The server as a process: is it answering, who watches it, how all of it dies."""

import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

# 3.0, the protocol of every server since 7.4.
_STARTUP: Final = b"user\0postgres\0database\0postgres\0\0"
_STILL_STARTING: Final = b"C57P03\0"

# Blocks until its standard input ends. A line is a farewell; the end without one
# means that the process which held the other end is gone, kill -9 included. SIGQUIT
# is the immediate shutdown, in which the server kills all its children.
_WATCH: Final = """
read -r _ && exit 0
kill -QUIT "$1" 2>/dev/null
tries=0
while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
rm -rf -- "$2"
"""


def free_port(host: str) -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def answers(path: Path) -> bool:
    """Whether the server of this socket takes sessions, or would from someone else.

    Not over TCP: there a stranger could answer, who took the port before ours did.
    """
    message = struct.pack("!ii", 8 + len(_STARTUP), 3 << 16) + _STARTUP
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(message)
            reply = connection.recv(1024)
    except OSError:
        return False
    return reply.startswith(b"R") or (
        reply.startswith(b"E") and _STILL_STARTING not in reply
    )


class Watcher:
    """A tiny shell that ends the server when this process is gone without a word."""

    def __init__(self, pid: int, *, home: Path, lock: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a constant script, no input
            ["/bin/sh", "-c", _WATCH, "asyncmigrate-watcher", str(pid), str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            pass_fds=[lock],
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Say farewell: the server was stopped, there is nothing to watch."""
        with suppress(BrokenPipeError):
            self._process.communicate(b"done\n")


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the server and every backend, as a power cut would do it.

    Backends that outlived the server by a moment could still commit.
    """
    children = _children_of(process.pid)
    with suppress(ProcessLookupError):
        # Stopped first, it starts no more of them meanwhile.
        process.send_signal(signal.SIGSTOP)
    children |= _children_of(process.pid)
    for pid in (process.pid, *children):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 5
    while children & _living().keys() and time.monotonic() < deadline:
        time.sleep(0.01)


def _children_of(pid: int) -> set[int]:
    return {child for child, parent in _living().items() if parent == pid}


def _living() -> dict[int, int]:
    """Every process of this system and its parent, but for the uncollected dead.

    The new parent of an orphan may never collect it, as in a container without an init.
    """
    if Path("/proc/self/stat").exists():
        lines = list(_from_proc())
    else:
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,stat="],  # noqa: S607 - the system's own
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [line.split() for line in listing.stdout.splitlines()]
    return {
        int(pid): int(parent)
        for pid, parent, state in lines
        if not state.startswith("Z")
    }


def _from_proc() -> Iterator[list[str]]:
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in parentheses, may hold spaces and parentheses.
            state, parent, *_ = file.read_text().rpartition(")")[2].split()
            yield [file.parent.name, parent, state]
