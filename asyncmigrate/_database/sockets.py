"""What the kernel knows of a connection and the driver does not tell (tcp(7))."""

import contextlib
import os
import socket
import sys
from typing import Any, Final

_KEPT_ALIVE: Final = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,
}
"""Seconds, a number, and milliseconds: a minute in all, whether we wait or send."""


def keep_alive(sock: Any) -> None:  # noqa: ANN401 - each event loop has its own kind
    """Notice within a minute when the other side is gone without a word."""
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEPT_ALIVE.items():
            if (option := getattr(socket, name, None)) is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)


def in_kernel(sock: Any) -> int:  # noqa: ANN401 - as above
    """Bytes that are still to be sent or to be read; 0 where it does not tell."""
    try:
        import fcntl  # noqa: PLC0415 - not everywhere, and seldom asked
        import termios  # noqa: PLC0415 - as above

        requests = termios.TIOCOUTQ, termios.FIONREAD
        answers = [fcntl.ioctl(sock.fileno(), each, bytes(4)) for each in requests]
    except (ImportError, OSError, AttributeError):
        return 0
    return sum(int.from_bytes(answer, sys.byteorder) for answer in answers)


def shut(sock: Any) -> None:  # noqa: ANN401 - as above
    """Close both directions at once, from any thread; never blocks."""
    # A copy of the descriptor: not every event loop's socket has a shutdown.
    with (
        contextlib.suppress(OSError, ValueError),
        socket.socket(fileno=os.dup(sock.fileno())) as copy,
    ):
        copy.shutdown(socket.SHUT_RDWR)
