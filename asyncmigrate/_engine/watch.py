"""What the run and its keeper tell each other, across threads.

Each field is written by one side only; `verdict` is settled under a lock, so that a
cancel that comes too late for one try never hits the next one.
"""

import math
import threading
import time
from dataclasses import dataclass, field

from asyncmigrate._migration import Blocker


@dataclass(frozen=True, slots=True)
class Verdict:
    """The keeper has ended what the session was doing: others were held up by it."""

    blocked: tuple[Blocker, ...] = ()


@dataclass(slots=True)
class Watch:
    """The keeper's view of the run, and the run's view of the keeper."""

    # written by the run
    version: str | None = None
    progress: str | None = None
    attempt: int = 0
    """Counts tries; 0 while none is under way."""
    block_limit: float = math.inf
    """Seconds; infinite when nobody's waiting counts."""
    exclusive: bool = False
    """Whether waiting counts only behind an ACCESS EXCLUSIVE of the session's."""

    # written by the keeper
    blockers: tuple[Blocker, ...] = ()
    """Who stood in the session's way when it was last seen to wait."""
    unattended: str | None = None
    lost: str | None = None
    """Why the run must stop."""
    good_beat: float = field(default_factory=time.monotonic)
    """When the last beat that succeeded was sent, by this machine's clock."""

    delivered: bool = True
    """False between a verdict and the server's word that it was carried out."""

    _verdict: Verdict | None = None
    _tries: int = 0
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def begin(
        self, version: str, block_limit: float, *, exclusive: bool = False
    ) -> int:
        """A try begins; its number."""
        with self._gate:
            self._tries += 1
            self._verdict = None
            self.version = version
            self.block_limit = block_limit
            self.exclusive = exclusive
            self.blockers = ()
            self.attempt = self._tries
            return self._tries

    def end(self) -> Verdict | None:
        """The try is over; what the keeper had decided about it by then."""
        with self._gate:
            self.attempt = 0
            return self._verdict

    def condemn(self, attempt: int, blocked: tuple[Blocker, ...]) -> bool:
        """Decide to end *attempt*, again if need be; false when it is over already.

        Whoever was told to end something says so with `delivered`.
        """
        with self._gate:
            if self.attempt != attempt:
                return False
            if self._verdict is None:
                self._verdict = Verdict(blocked)
            self.delivered = False
            return True
