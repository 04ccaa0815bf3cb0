"""Hashing files while the server is waited for.

In slices, in the caller's loop: a thread would cost more than it wins (measured), and
the loop is never held for longer than one slice takes.
"""

import asyncio
import math
import time
from typing import Final

from asyncmigrate._digests import PlainDirectory

_TURNS: Final = 12
"""Turns of the loop that are left to the connecting before it has sent anything."""
_BESIDE: Final = 0.001
"""Seconds of hashing beside the connecting, which goes through the same loop; more of
it only makes the question late (measured with a thousand files)."""


class Hashing:
    """The digests of a directory, once they have been begun with."""

    def __init__(self, directory: PlainDirectory) -> None:
        self._directory = directory
        self._slices = directory.slices()
        self._turns = _TURNS
        self._left = _BESIDE
        self._next = asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Read one slice in each turn of the loop, while there is time for it."""
        if self._turns:
            self._turns -= 1
        else:
            began = time.monotonic()
            if next(self._slices, self) is self:
                return
            self._left -= time.monotonic() - began
        if self._left > 0:
            self._next = asyncio.get_running_loop().call_soon(self._turn)

    def resume(self) -> None:
        """Go on until all is read, from the loop's next turn on.

        To be called when the next step of the caller sends the question.
        """
        self._next.cancel()
        self._turns, self._left = 0, math.inf
        self._next = asyncio.get_running_loop().call_soon(self._turn)

    def stop(self) -> None:
        """Read nothing more, and let go of the directory."""
        self._next.cancel()
        self._slices.close()

    async def digests(self) -> dict[str, str] | None:
        """File to digest, what is left of them read now; null when one cannot be."""
        self._next.cancel()
        for _ in self._slices:
            await asyncio.sleep(0)
        return self._directory.digests()
