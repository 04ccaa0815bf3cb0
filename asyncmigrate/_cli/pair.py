"""Two runners at once on one screen, for the demonstration."""

from dataclasses import dataclass, field

from asyncmigrate import events
from asyncmigrate._settings import Settings
from asyncmigrate.errors import MigrationError
from asyncmigrate.results import MigrationReport


@dataclass(slots=True)
class Both:
    """Two runners at once: the one that works is shown, the other's story kept.

    Which one that is, is known when one of them has the lock.
    """

    early: tuple[list[events.Event], list[events.Event]] = field(
        default_factory=lambda: ([], [])
    )
    worker: int | None = None
    told: list[str] = field(default_factory=list)
    """What the runner that did not work had to say, in lines."""

    async def migrate(
        self, settings: Settings, show: events.Emit
    ) -> tuple[MigrationReport, MigrationReport]:
        """Both reports. Cancelled, both are; the first error is raised as itself."""
        import anyio

        from asyncmigrate import _api

        reports: dict[int, MigrationReport] = {}
        errors: list[MigrationError] = []

        async def one(number: int) -> None:
            try:
                reports[number] = await _api.run_migrate(
                    settings, emit=lambda event: self._take(number, event, show)
                )
            except MigrationError as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(one, 0)
            group.start_soon(one, 1)
        if errors:
            raise errors[0]
        return reports[0], reports[1]

    def _take(self, number: int, event: events.Event, show: events.Emit) -> None:
        if self.worker is None and not isinstance(event, events.LockAcquired):
            self.early[number].append(event)
            return
        if self.worker is None:
            for each in self.early[number]:
                show(each)
            for each in self.early[1 - number]:
                self._keep(each)
        if isinstance(event, events.LockAcquired):
            self.worker = number
        if number == self.worker:
            show(event)
        else:
            self._keep(event)

    def _keep(self, event: events.Event) -> None:
        # Of several waits the first says enough; that nothing was left, its report does.
        if isinstance(event, events.LockWaiting) and not self.told:
            self.told.append(str(event))
