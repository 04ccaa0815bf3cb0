"""A database at a version, which a test takes further step by step."""

import asyncio
from dataclasses import replace

from asyncmigrate._api.migrating import run_migrate
from asyncmigrate._database.lending import LentConnection
from asyncmigrate._migration import History, MigrationFile, Order
from asyncmigrate._plan.versions import target_order
from asyncmigrate._settings import Settings
from asyncmigrate._testing.wishes import NOTHING, Blueprint
from asyncmigrate.errors import InvalidUsage
from asyncmigrate.results import MigrationReport


class StagedDatabase:
    """One test's own database, at a version of the test's choice.

    The test puts rows into it as the application of that version would have, goes a
    `step` further, and looks at what became of them.
    """

    def __init__(self, dsn: str, settings: Settings, blueprint: Blueprint) -> None:
        self._settings = replace(settings, dsn=dsn)
        self._files = blueprint.files
        self._version = blueprint.target or NOTHING
        self._connection: LentConnection | None = None
        self.dsn = dsn
        """Where to connect."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._version}>"

    @property
    def version(self) -> str:
        """The version that it is at, as the file writes it; ``0`` before the first."""
        return self._version

    @property
    def connection(self) -> LentConnection:
        """An asyncpg connection, in no transaction; opened by its first use.

        It belongs to the event loop of that use, and is closed when the loop ends.
        """
        if self._connection is None:
            self._connection = LentConnection(self.dsn, statement_cache_size=0)
        return self._connection

    async def step(self, version: str | None = None) -> MigrationReport:
        """Apply the next migration, or all of them up to *version*.

        Raises:
            MigrationFailed: it met what the test had put there.
            UnknownVersion: there is no such version.
            InvalidUsage: there is no migration after this one.
        """
        following = self._following(version)
        report = await run_migrate(self._settings, target=following.label)
        self._version = following.label
        return report

    def step_sync(self, version: str | None = None) -> MigrationReport:
        """`step` for a test that runs in no event loop."""
        return asyncio.run(self.step(version))

    def _following(self, version: str | None) -> MigrationFile:
        here = None if self._version == NOTHING else self._order(self._version)
        ahead = [
            file
            for file in self._files
            if file.version and (here is None or file.version.order > here)
        ]
        if version is not None:
            limit = self._order(str(version))
            ahead = [
                file for file in ahead if file.version and file.version.order == limit
            ]
        if not ahead:
            message = f"there is no migration {version or ''} after {self._version}"
            hint = "`migration_at` takes an earlier version as well"
            raise InvalidUsage(" ".join(message.split()), hint=hint)
        return ahead[0]

    def _order(self, version: str) -> Order:
        return target_order(version, self._files, History())

    def end(self) -> None:
        """Close the connection, when the test is over."""
        if self._connection is not None:
            self._connection.end()
