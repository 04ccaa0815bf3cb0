"""The side that is asyncmigrate: its public calls alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any

import asyncmigrate
from asyncmigrate import MigrationError, RepairAction, Standing
from asyncmigrate._migration import Direction
from asyncmigrate.errors import ConflictsFound
from tests.corpus.sides import Corpus, Failure, Script

Work = Callable[[], Awaitable[None]]


class Ours:
    """Applies a corpus to one database, and goes on behind what fails."""

    def __init__(self, dsn: str, corpus: Corpus) -> None:
        self._place: dict[str, Any] = {
            "dsn": dsn,
            "directory": list(map(str, corpus.directories)),
            "format": corpus.layout,
            "placeholders": corpus.placeholders,
            "skip": corpus.skip,
            "statement_timeout": "120s",
            "allow_out_of_order": True,
        }
        self._refused: list[str] = []

    def refusals(self) -> list[Failure]:
        """What is refused before anything runs; it is left out from here on."""

        async def plan() -> None:
            await asyncmigrate.migrate(dry_run=True, **self._place)

        refused = self._until_done(Direction.UP, plan)
        self._refused = list(dict.fromkeys(each.version for each in refused))
        return refused

    def apply(self, scripts: Sequence[Script]) -> list[Failure]:  # noqa: ARG002 - what is pending
        """Run what is pending; a migration that fails is passed over."""
        self._mark(RepairAction.MARK_APPLIED, self._refused)

        async def work() -> None:
            await asyncmigrate.migrate(**self._place)

        failures = self._until_done(Direction.UP, work)
        self._mark(RepairAction.MARK_PENDING, [each.version for each in failures])
        return failures

    def undo(self, scripts: Sequence[Script]) -> list[Failure]:
        """Undo the newest ones; what has no DOWN is only marked."""
        wanted = {script.version for script in scripts}
        failures: list[Failure] = []
        applied = reversed(self._applied())
        for has_down, versions in groupby(applied, lambda each: each in wanted):
            if has_down:
                failures += self._undo(set(versions))
            else:
                self._mark(RepairAction.MARK_PENDING, list(versions))
        return failures

    def _undo(self, left: set[str]) -> list[Failure]:
        """Undo the newest migrations, which are these."""

        async def work() -> None:
            still = left.intersection(await self._ask())
            if still:
                await asyncmigrate.rollback(steps=len(still), **self._place)

        return self._until_done(Direction.DOWN, work)

    def _until_done(self, direction: Direction, work: Work) -> list[Failure]:
        """Do it, and again without what failed, until nothing fails."""
        failures: list[Failure] = []
        up = direction is Direction.UP
        aside = RepairAction.MARK_APPLIED if up else RepairAction.MARK_PENDING
        while found := asyncio.run(_failures(direction, work)):
            versions = list(dict.fromkeys(each.version for each in found))
            seen = {each.version for each in failures}
            if not all(versions) or seen.intersection(versions):
                message = f"this cannot be passed over: {found}"
                raise RuntimeError(message)
            failures += found
            self._mark(aside, versions)
        return failures

    def _mark(self, action: RepairAction, versions: list[str]) -> None:
        async def work() -> None:
            await asyncmigrate.repair(action, versions, **self._place)

        if versions:
            asyncio.run(work())

    def _applied(self) -> list[str]:
        return asyncio.run(self._ask())

    async def _ask(self) -> list[str]:
        status = await asyncmigrate.status(**self._place)
        migrations = status.migrations
        return [each.version for each in migrations if each.status is Standing.APPLIED]


async def _failures(direction: Direction, work: Work) -> list[Failure]:
    """What *work* could not do."""
    try:
        await work()
    except ConflictsFound as error:
        return [
            Failure(
                conflict.version or "",
                direction,
                f"{conflict.file}:{conflict.line or 1}",
                None,
                conflict.message,
            )
            for conflict in error.conflicts
        ]
    except MigrationError as error:
        said = error.message.partition("\n")[0].partition(" (SQLSTATE")[0]
        place = f"{error.file}:{error.line or 1}"
        version = error.version or ""
        return [Failure(version, direction, place, error.sqlstate, said)]
    return []
