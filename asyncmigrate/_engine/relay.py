"""Events, from whichever thread, to their readers, in the caller's loop only."""

import asyncio
import logging
import threading
from collections.abc import Sequence

from asyncmigrate.events import Emit, Event


class Relay:
    """Tells every reader; one that fails is dropped, and harms nobody else."""

    def __init__(self, readers: Sequence[Emit]) -> None:
        self._readers = list(readers)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def __call__(self, event: Event) -> None:
        """Pass *event* on; never raises."""
        if threading.get_ident() == self._thread:
            self._tell(event)
        else:
            try:
                self._loop.call_soon_threadsafe(self._tell, event)
            except RuntimeError:
                return  # the loop is closed: nobody is left to be told

    def _tell(self, event: Event) -> None:
        for reader in list(self._readers):
            try:
                reader(event)
            except Exception:
                self._readers.remove(reader)
                logging.getLogger("asyncmigrate").warning(
                    "a reader of events failed and is not asked again", exc_info=True
                )
