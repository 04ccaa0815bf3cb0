"""SIGINT and SIGTERM: the first ends the run in an orderly way, the second at once.

The handlers are Python's own, not the event loop's: those would wait for a loop that
a Python migration blocks. They stand from the first moment, since the kernel sends a
container's first process no signal that it has no handler for.
"""

import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import asyncio

from asyncmigrate.errors import MigrationError, NeedsRepair

T = TypeVar("T")
_BASE: Final = 128
"""What shells add to a signal's number."""


class Interrupted(MigrationError):
    """A signal ended the command; what was under way was rolled back."""

    code = "interrupted"

    def __init__(self, number: int, *, running: bool) -> None:
        name = signal.Signals(number).name
        # Not "nothing was changed": a COMMIT that had been sent is not called back.
        what = "; what had not been committed was rolled back" if running else ""
        super().__init__(
            f"interrupted by {name}{what}",
            hint="`asyncmigrate status` shows what stands" if running else None,
        )
        self.exit_status = _BASE + number  # type: ignore[misc]  # the class has none of its own


class Interruption(BaseException):
    """Leaves whatever the command was doing before or after its run."""


class Signals:
    """What arrived, and what is to be done when more arrives."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._cancel: Callable[[], object] | None = None
        self._ending = False

    def install(self) -> None:
        """Handle both signals, unless whoever started us had them ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: object) -> None:
        if self.received is not None:
            os._exit(_BASE + number)
        self.received = number
        if self._ending:
            return
        if self._cancel is None:
            raise Interruption
        self._cancel()

    def ending(self) -> None:
        """From here on the command only says how it ended: one signal is let pass."""
        self._ending = True

    def error(self, *, running: bool = False) -> Interrupted:
        """The signal that arrived, as an error."""
        return Interrupted(self.received or signal.SIGINT, running=running)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run *work* in an event loop until it is done, or until a signal.

        Raises:
            Interrupted: a signal cancelled it, and it has cleaned up after itself.
        """
        import asyncio

        return asyncio.run(self._supervised(work))

    async def _supervised(self, work: Callable[[], Awaitable[T]]) -> T:
        import asyncio

        # The entry point has switched it off for the imports, which are over.
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        loop = asyncio.get_running_loop()
        working = asyncio.ensure_future(work())
        with _woken_by_signals(loop):
            self._cancel = lambda: loop.call_soon_threadsafe(working.cancel)
            try:
                return await working
            except asyncio.CancelledError:
                if self.received is None:
                    raise
            except NeedsRepair:
                raise
            except Exception as error:
                if self.received is None:
                    raise
                raise self._carrying(error) from error
            finally:
                self._cancel = None
        raise self.error(running=True)

    def _carrying(self, error: Exception) -> Interrupted:
        """An error that only says that we were cancelled, with what it knows."""
        interrupted = self.error(running=True)
        if isinstance(error, MigrationError):
            interrupted.results = error.results
            interrupted.run_id = error.run_id
            interrupted.warnings = error.warnings
        return interrupted


@contextmanager
def _woken_by_signals(loop: "asyncio.AbstractEventLoop") -> Iterator[None]:
    """Let a signal end the loop's wait for events, at whatever moment it arrives.

    One that the kernel delivers just before that system call, or to another thread, is
    noted by the interpreter and handled when the call returns: perhaps never.
    """
    import socket

    woken, wake = socket.socketpair()
    with woken, wake:
        woken.setblocking(False)  # noqa: FBT003 - its only argument
        wake.setblocking(False)  # noqa: FBT003 - as above
        loop.add_reader(woken, woken.recv, 4096)
        before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(woken)
