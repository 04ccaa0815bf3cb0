"""The command on a terminal: a pseudo-terminal, and what a screen would show."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping

from tests.kit.commands import Cli

ESCAPES = re.compile(r"\x1b\[[?\d;]*[A-Za-z]")


class OnTerminal:
    """A process whose three streams are one terminal of 80 columns."""

    def __init__(
        self, cli: Cli, *arguments: str, env: Mapping[str, str] | None = None
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**cli.environment, "TERM": "xterm", **(env or {})}
        environment.pop("COLUMNS", None)
        self._ours = ours
        self.raw = ""
        self.process = subprocess.Popen(
            cli._command(arguments),  # noqa: SLF001 - a sibling in the kit
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cli.cwd,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def until(self, text: str | None = None, seconds: float = 30) -> str:
        """Read until *text* has been shown, or to the end."""
        end = time.monotonic() + seconds
        while text is None or text not in self.raw:
            readable, _, _ = select.select([self._ours], [], [], 0.1)
            try:
                chunk = os.read(self._ours, 65536) if readable else b""
            except OSError:  # the last of them has closed its side
                break
            self.raw += chunk.decode(errors="replace")
            if time.monotonic() > end:
                message = f"{text!r} was not shown in {seconds} s: {self.raw!r}"
                raise AssertionError(message)
        return self.raw

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """Read to the end; the exit status."""
        self.until()
        status = self.process.wait(10)
        os.close(self._ours)
        return status

    @property
    def plain(self) -> str:
        """All that was ever written, without escapes."""
        return ESCAPES.sub("", self.raw).replace("\r\n", "\n")
