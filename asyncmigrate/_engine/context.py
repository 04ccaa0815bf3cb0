"""What one run knows of itself, handed from step to step."""

import getpass
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncmigrate._database.address import Address
from asyncmigrate._database.failures import SessionLost
from asyncmigrate._database.session import Names
from asyncmigrate._settings import Settings
from asyncmigrate.errors import MigrationError
from asyncmigrate.events import Emit, Warned

if TYPE_CHECKING:
    from asyncmigrate._database.history import Mark
    from asyncmigrate._plan import SoFar, Step
    from asyncmigrate.results import MigrationResult


def who_am_i(release: str | None) -> str:
    """Host, process and application, for those who wait."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    application = f", release {release}" if release else ""
    return f"{user}@{socket.gethostname()}, process {os.getpid()}{application}"


@dataclass(frozen=True, slots=True)
class Trip:
    """All that one migration sends, where that is one round trip."""

    step: "Step"
    text: str
    start: int
    """Where the script begins in it."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: its identity, its readers, and what stands so far."""

    settings: Settings
    address: Address
    emit: Emit
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    fencing_token: int = 0
    results: "list[MigrationResult]" = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    current: str | None = None
    """The version under way; null between migrations."""
    number: int = 0
    total: int = 0
    waiting_since: float | None = None
    """When it began to wait for the lock, by its own clock; null once it has held it.

    A session that is lost meanwhile does not begin the wait anew.
    """
    timeline: tuple[str, str] | None = None
    in_doubt: "Step | None" = None
    """The migration that may or may not have committed when the connection is lost."""
    beside: "tuple[Step, ...]" = ()
    """Those that stand or fall with `in_doubt`, being of its transaction."""
    stopping: MigrationError | None = None
    """Why the run ends, as soon as it is known what became of `in_doubt`."""
    ahead: Trip | None = None
    """What the next migration will send, written already."""
    given_up: set[str] = field(default_factory=set)
    """The repeatables that could not be put back after a roll-back."""
    written: list[str] = field(default_factory=list)
    """What was written to the history without running anything."""

    @property
    def names(self) -> Names:
        """Schema and namespace as SQL writes them."""
        return Names(self.settings.tracking_schema, self.settings.namespace)

    @property
    def locked_by(self) -> str:
        """Who this is, for those who wait."""
        return who_am_i(self.settings.release)

    @property
    def application(self) -> str:
        """``application_name`` of the session, by which runs of ours know each other."""
        return f"asyncmigrate {self.run_id[:8]}"

    @property
    def answer_limit(self) -> float:
        """Seconds in which a question of ours is answered, or its reply is lost.

        It waits for a table's lock for five of them at most.
        """
        return self.settings.lease_ttl + 5

    @property
    def mark(self) -> "Mark":
        """Whose row it is."""
        from asyncmigrate._database.history import Mark  # noqa: PLC0415 - for who writes

        return Mark(
            run_id=self.run_id,
            fencing_token=self.fencing_token,
            release=self.settings.release,
        )

    @property
    def so_far(self) -> "SoFar | None":
        """What it has done, when it has begun to: a step in doubt is one."""
        if not self.results and self.in_doubt is None:
            return None
        from asyncmigrate._plan import SoFar  # noqa: PLC0415 - for who plans again

        undone = (each.version for each in self.results if each.status == "rolled_back")
        return SoFar(
            run_id=self.run_id,
            undone=frozenset(undone),
            given_up=frozenset(self.given_up),
        )

    def give_up(self, version: str, reason: str) -> None:
        """Leave a repeatable undone that cannot be put back, and say so."""
        self.given_up.add(version)
        self.warn(f"{version} could not be applied again: {reason}")

    def warn(self, *warnings: str) -> None:
        """Tell each of *warnings* once, now and in the report."""
        for warning in warnings:
            if warning not in self.warnings:
                self.warnings.append(warning)
                self.emit(Warned(message=warning))

    @contextmanager
    def committing(self, steps: "Sequence[Step]") -> Iterator[None]:
        """All of *steps* are in doubt when the connection is lost in this block.

        So they are when it is cancelled, which a COMMIT may have come before.
        """
        *others, self.in_doubt = steps
        self.beside = tuple(others)
        try:
            yield
        except SessionLost:
            raise
        except Exception:
            self.in_doubt, self.beside = None, ()
            raise
        self.in_doubt, self.beside = None, ()

    @property
    def suspect(self) -> "Step | None":
        """Of what is in doubt the one that was under way, or the last."""
        under_way = [step for step in self.beside if step.version == self.current]
        return under_way[0] if under_way else self.in_doubt

    def correct(self, error: MigrationError) -> None:
        """Have *error* not say that nothing was changed where some of this run stands.

        Whoever raised it may have looked at a later session alone.
        """
        if self._count_standing():
            unchanged = "nothing was changed"
            error.message = error.message.replace(unchanged, self.standing())

    def _count_standing(self) -> int:
        return sum(each.status.stands for each in self.results)

    def standing(self) -> str:
        """How many migrations of this run stand, in words."""
        count = self._count_standing()
        if not count:
            return "no migration of this run stands"
        return f"{count} migration{'s' if count != 1 else ''} of this run stand" + (
            "s" if count == 1 else ""
        )
