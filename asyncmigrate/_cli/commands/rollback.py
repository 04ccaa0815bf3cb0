"""`rollback`: undoes what was applied, newest first."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.completion import complete_version
from asyncmigrate._cli.options import RUN
from asyncmigrate._cli.scripts import list_of, show_scripts
from asyncmigrate._cli.typed import DryRun
from asyncmigrate._cli.usage import refuse
from asyncmigrate.events import Emit
from asyncmigrate.results import MigrationReport


def rollback(
    call: Call,
    *,
    steps: Annotated[
        str | None,
        typer.Option("--steps", metavar="N", help="Undo the newest N. [1]"),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="V",
            help="Undo everything newer than this version; 0 undoes all.",
            autocompletion=complete_version,
        ),
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Undo what the last run applied.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Undo applied migrations, newest first, by their DOWN.

    The DOWN of the file is run, or the one that was stored in the database when the
    file is gone. When one of them has none, nothing is touched.
    """
    from asyncmigrate import _api

    if sum([steps is not None, to is not None, run]) > 1:
        refuse("--steps, --to and --run exclude each other", hint="give one of them")
    number = None if steps is None else _count(steps)

    def undo(emit: Emit, *, dry: bool) -> Awaitable[MigrationReport]:
        return _api.run_rollback(
            call.settings,
            steps=number,
            target=to,
            last_run=run,
            dry_run=dry,
            emit=emit,
        )

    if not dry_run and call.must_ask:
        planned = call.run(lambda emit: undo(emit, dry=True))
        call.confirm("roll back these migrations", list_of(planned))
    report = call.run(lambda emit: undo(emit, dry=dry_run))
    show_scripts(call.output, report)
    call.finish(report)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        refuse(f"--steps: {text!r} is no number of migrations", hint="give 1 or more")
    return int(text)


COMMAND = Command(
    name="rollback",
    body=rollback,
    settings=RUN,
    confirms=True,
    examples=(
        ("asyncmigrate rollback", "Undo the newest migration."),
        ("asyncmigrate rollback --steps 3 --dry-run", "See what three back would do."),
        ("asyncmigrate rollback --to 0007", "Undo everything newer than version 7."),
        ("asyncmigrate rollback --run", "Undo the last deploy's migrations."),
    ),
)
