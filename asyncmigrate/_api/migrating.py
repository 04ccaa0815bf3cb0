"""`migrate`: a start with nothing to do ends here, and most of them do.

So it loads little: the layouts, the planner and most of the engine are loaded when
there is something to do.
"""

import time
from typing import TYPE_CHECKING

from asyncmigrate._api.running import new_run
from asyncmigrate._digests import PlainDirectory
from asyncmigrate._engine.scope import in_child_task
from asyncmigrate._engine.settled import ask_digests
from asyncmigrate._settings import Settings
from asyncmigrate.errors import MigrationError
from asyncmigrate.events import Emit, Finished
from asyncmigrate.results import MigrationReport

if TYPE_CHECKING:
    from asyncmigrate._engine.jobs import Migrate


async def run_migrate(
    settings: Settings,
    *,
    target: str | None = None,
    dry_run: bool = False,
    emit: Emit | None = None,
) -> MigrationReport:
    """Apply what is pending; see `migrate`."""
    plain = None if target or dry_run else plain_directory(settings)
    if plain is not None:
        return await _migrate_plain(plain, settings, emit)
    from asyncmigrate._api.operations import do  # noqa: PLC0415 - see above

    return await do(_job(settings, target), settings, emit, dry_run=dry_run)


async def _migrate_plain(
    plain: PlainDirectory, settings: Settings, emit: Emit | None
) -> MigrationReport:
    run = new_run(settings, emit)
    began = time.monotonic()
    try:
        asked = await ask_digests(plain, run)
    except MigrationError as error:
        error.run_id = run.run_id
        error.warnings = tuple(run.warnings)
        raise
    if asked.settled:
        took = time.monotonic() - began
        run.emit(Finished(applied=0, rolled_back=0, duration=took))
        return MigrationReport(warnings=tuple(run.warnings))
    from asyncmigrate._engine.run import run_job  # noqa: PLC0415 - see above

    try:
        job = _job(settings)
        return await in_child_task(lambda: run_job(job, run, asked.session))
    finally:
        if asked.session is not None:
            asked.session.terminate()


def _job(settings: Settings, target: str | None = None) -> "Migrate":
    from asyncmigrate._api.operations import migration_job  # noqa: PLC0415 - see above

    return migration_job(settings, target)


def plain_directory(settings: Settings) -> PlainDirectory | None:
    """The directory whose digests may say that there is nothing to do; if it is one.

    Its files are those of whichever layout would be recognised.
    """
    if settings.format is not None or settings.skip or len(settings.directory) != 1:
        return None
    if settings.directory[0].startswith("package:"):
        return None
    directory = PlainDirectory(settings.directory[0])
    return directory if directory.is_plain else None
