"""`baseline`: marks versions as applied on a database that has them already."""

from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.completion import complete_version
from asyncmigrate._cli.options import RECORD
from asyncmigrate._cli.typed import DryRun
from asyncmigrate._readers.text import escape


def baseline(
    call: Call,
    version: Annotated[
        str,
        typer.Argument(
            metavar="VERSION",
            help="The newest version that the database has already.",
            autocompletion=complete_version,
        ),
    ],
    *,
    dry_run: DryRun = False,
) -> None:
    """Mark everything up to a version as applied, without running it.

    For a database that was there before asyncmigrate was.
    """
    from asyncmigrate import _api
    from asyncmigrate._readers.summary import texts_of

    if not dry_run:
        call.confirm(f"mark everything up to {version} as applied")
    report = call.run(
        lambda emit: _api.run_baseline(
            call.settings, version, dry_run=dry_run, emit=emit
        )
    )
    output = call.output
    if not output.quiet:
        for sentence in texts_of(report, "writes"):
            output.say(escape(sentence))
    call.finish(report)


COMMAND = Command(
    name="baseline",
    body=baseline,
    settings=RECORD,
    confirms=True,
    examples=(("asyncmigrate baseline 0012", "The database is as after version 12."),),
)
