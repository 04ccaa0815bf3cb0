"""`adopt`: takes over the history of another tool."""

from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.completion import complete_version
from asyncmigrate._cli.options import RECORD


def adopt(
    call: Call,
    *,
    tool: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TOOL[:TABLE]",
            help="Whose history; with its table, `goose:app.versions`, where that is"
            " named otherwise or there are several. Else the one that there is.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="V[=HEAD]",
            help="The version up to which these files are applied, where they are not"
            " the tool's own; with HEAD it is checked that the tool stands there.",
            autocompletion=complete_version,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what would be taken over; change nothing, take no lock.",
        ),
    ] = False,
) -> None:
    """Take over what another tool has applied, so that only new files are pending.

    It holds the files against the tool's checksums, keeps times and names, and never
    writes to the tool's table. Nothing is run. Known: golang-migrate, goose, dbmate,
    Flyway, sqlx, diesel, Prisma, sql-migrate, Supabase, graphile-migrate, sqitch; and,
    with --at, Alembic, yoyo, Rails and tern.
    """
    from asyncmigrate import _api
    from asyncmigrate._readers.adoption import mapping_entry, show_mapping
    from asyncmigrate._readers.tables import TableView

    if not dry_run:
        call.confirm("take over the history of another tool")
    report = call.run(
        lambda emit: _api.run_adopt(
            call.settings, tool=tool, at=at, dry_run=dry_run, emit=emit
        )
    )
    output = call.output
    if not output.quiet:
        view = TableView(paint=output.paint_out, width=output.terminal.table_width)
        output.say(show_mapping(report, view))
    call.finish(
        report,
        tool=report.tool,
        table=report.table,
        mapping=[mapping_entry(row) for row in report.mapping],
    )


COMMAND = Command(
    name="adopt",
    body=adopt,
    settings=(*RECORD, "allow_out_of_order"),
    confirms=True,
    examples=(
        ("asyncmigrate adopt --dry-run", "See what would be taken over."),
        ("asyncmigrate adopt --from flyway", "Take over the history of Flyway."),
        (
            "asyncmigrate adopt --from alembic --at 0012=ae1027a6acf",
            "Our files up to 0012 are what Alembic has applied, if it stands there.",
        ),
    ),
)
