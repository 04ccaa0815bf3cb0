"""Tests of migrations that a project gets for one line, and types for its own.

::

    from asyncmigrate.testing import *

in a test module, and pytest collects them with the rest; or the names of those that
are wanted. They need the plugin, which is installed with ``asyncmigrate[pytest]``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from asyncmigrate._api import run_validate
from asyncmigrate._testing.databases import Databases
from asyncmigrate._testing.reversal import undeclared, walk
from asyncmigrate._testing.stages import StagedDatabase
from asyncmigrate.errors import MigrationError

__all__ = [
    "MigrationAt",
    "StagedDatabase",
    "test_every_migration_is_reversible_or_says_that_it_is_not",
    "test_migration_files_are_valid",
    "test_up_down_up_leaves_the_catalogue_unchanged",
]

MigrationAt = Callable[[str], StagedDatabase]
"""What the fixture ``migration_at`` is."""


def test_migration_files_are_valid(asyncmigrate_databases: Databases) -> None:
    """Names, sections, directives, SQL that may not run: everything at once."""
    settings = replace(asyncmigrate_databases.settings, dsn=None)

    async def validate() -> Sequence[object]:
        return await run_validate(settings)

    _fail_with(
        "the migration files are not valid", asyncmigrate_databases.run(validate)
    )


def test_every_migration_is_reversible_or_says_that_it_is_not(
    asyncmigrate_databases: Databases,
) -> None:
    """Each one has a DOWN, or the directive ``irreversible``."""
    missing = undeclared(asyncmigrate_databases.settings)

    _fail_with(
        "these migrations have no DOWN; write one, or declare that there is none with"
        " `-- asyncmigrate: irreversible`",
        [file.file for file in missing],
    )


def test_up_down_up_leaves_the_catalogue_unchanged(
    asyncmigrate_databases: Databases,
) -> None:
    """Each DOWN leads back to what was there before its UP, rows apart."""
    databases = asyncmigrate_databases
    try:
        found = databases.run(lambda: walk(databases.yard))
    except MigrationError as error:
        raise pytest.fail.Exception(databases.explain(error), pytrace=False) from None

    _fail_with("these migrations do not undo what they do", found)


def _fail_with(headline: str, found: Sequence[object]) -> None:
    if found:
        listed = "\n\n".join(map(str, found))
        pytest.fail(f"{headline}\n\n{listed}", pytrace=False)
