"""Trying again while locks are held: how often, after what pause, and who held them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import anyio

from asyncmigrate._engine import failure as failures
from asyncmigrate._engine.backoff import pauses
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.watch import Watch
from asyncmigrate._migration import Blocker
from asyncmigrate._plan import Step
from asyncmigrate.events import MigrationRetried


@dataclass(slots=True)
class Tries:
    """The tries of one migration, or of one statement that counts by itself."""

    run: Run
    watch: Watch
    number: int = 0
    """Of the try under way, from 1 on."""
    blockers: tuple[Blocker, ...] = ()
    """Who stood in the way, in this try or the last one in which anybody was seen."""
    _pauses: Iterator[float] = field(default_factory=lambda: pauses(0.2, 5.0))

    def transient(self, sqlstate: str | None, failure: object) -> bool:
        """Whether another try may well succeed; remembers who was in the way."""
        self.blockers = self.watch.blockers or self.blockers
        return failures.is_transient(sqlstate, failure)

    @property
    def used_up(self) -> bool:
        """Whether this was the last one."""
        return self.number >= self.run.settings.lock_retries

    async def pause(self, step: Step, reason: str, sqlstate: str | None) -> None:
        """Say that *step* is tried again, and wait for a growing while."""
        pause = next(self._pauses)
        self.run.emit(
            MigrationRetried(
                version=step.version,
                attempt=self.number,
                of=self.run.settings.lock_retries,
                retry_in=pause,
                reason=reason,
                sqlstate=sqlstate,
                blockers=self.blockers,
            )
        )
        await anyio.sleep(pause)
