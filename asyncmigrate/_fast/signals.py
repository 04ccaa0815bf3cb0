"""SIGINT and SIGTERM until the command's own handlers stand (`_cli.signals`).

The kernel sends a container's first process no signal that it has no handler for, and
Python's own answer to SIGINT is a traceback. Nothing has been changed yet, so either
ends the process at once. Through the built-in module: `signal` brings enum.
"""

import os
from _signal import (  # type: ignore[import-not-found]  # typeshed leaves it out
    SIG_IGN,
    SIGINT,
    SIGTERM,
    getsignal,
    signal,
)


class LeavingAtOnce:
    """While it is entered both signals end the process, unless they are ignored."""

    def __enter__(self) -> None:
        before = {number: getsignal(number) for number in (SIGINT, SIGTERM)}
        # Null is a handler that is not Python's, which could not be put back.
        self._before = {n: h for n, h in before.items() if h not in (None, SIG_IGN)}
        for number in self._before:
            signal(number, _leave)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal(number, handler)


def _leave(number: int, _: object) -> None:
    os._exit(128 + number)
