"""Hashing files while the server is waited for.

In slices, in the caller's loop: a thread would cost more than it wins (measured), and
the loop is never held for longer than one slice takes.
"""

import asyncio
from itertools import chain, repeat
from typing import Final

from asyncmigrate._digests import PlainDirectory

_TURNS: Final = 12
"""Turns of the loop that are left to the connecting before it has sent anything."""


class Hashing:
    """The digests of a directory, once they have been begun with."""

    def __init__(self, directory: PlainDirectory) -> None:
        self._directory = directory
        self._turns = chain(repeat(None, _TURNS), directory.slices())
        self._over = asyncio.Event()

    def begin(self) -> None:
        """Read one slice in each turn of the loop, beside whatever else there is."""
        for _ in self._turns:
            asyncio.get_running_loop().call_soon(self.begin)
            return
        self._over.set()

    async def digests(self) -> dict[str, str] | None:
        """File to digest; null when something of it cannot be read."""
        await self._over.wait()
        return self._directory.digests()
