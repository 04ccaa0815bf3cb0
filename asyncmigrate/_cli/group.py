"""What the command does without a command: its version, its help."""

import sys
from typing import Annotated, Final

import typer

from asyncmigrate._version import __version__

_WRONG_USE: Final = 2


def group(
    ctx: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Show the version and exit."),
    ] = False,
) -> None:
    """Apply PostgreSQL migrations: plain SQL, each applied once, by however many processes start.

    A migration is a file such as `migrations/0001_create_users.sql`; the database
    itself remembers which were applied. Where it is comes from --dsn or DATABASE_URL.
    """
    if version:
        print(f"asyncmigrate {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        print(ctx.get_help(), file=sys.stderr)
        raise typer.Exit(_WRONG_USE)


EXAMPLES = (
    ("asyncmigrate new create users", "Write a new, empty migration."),
    ("asyncmigrate migrate", "Apply what is pending."),
    ("asyncmigrate status", "See what is applied and what is not."),
    ("asyncmigrate demo", "See all of it on a database of its own."),
)
group.examples = EXAMPLES  # type: ignore[attr-defined]  # read by `help`
