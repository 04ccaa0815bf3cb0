"""`status`: what is applied, pending, missing, modified."""

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import READ, Option
from asyncmigrate._readers.text import plural
from asyncmigrate.errors import CheckFailed
from asyncmigrate.results import Status


def status(call: Call, *, check: bool) -> int | None:
    """Show what is applied, pending, missing and modified, and who holds the lock.

    It only reads: CONNECT on the database and SELECT on the tracking tables are
    enough.
    """
    from asyncmigrate._api import read_status
    from asyncmigrate._readers.document import status_keys
    from asyncmigrate._readers.tables import TableView

    output = call.output
    found = call.run(lambda _: read_status(call.settings))
    call.signals.ending()
    output.warn(found.warnings)
    error = CheckFailed(_unwell(found)) if check and not found.healthy else None
    if not output.quiet:
        view = TableView(
            paint=output.paint_out,
            width=output.terminal.table_width,
            marks=output.marks_out,
        )
        output.say(view.status(found))
    if error is None:
        output.write(status_keys(found))
        return None
    output.fail(error, more=status_keys(found))
    return error.exit_status


def _unwell(found: Status) -> str:
    reasons = []
    if found.pending:
        reasons.append(f"{plural(found.pending, 'migration')} pending")
    if found.problems:
        reasons.append(plural(len(found.problems), "problem"))
    return ", ".join(reasons) or "not every migration stands applied"


COMMAND = Command(
    name="status",
    body=status,
    own={"check": Option("Exit 7 unless all is well and nothing is pending.")},
    settings=(*READ, "allow_out_of_order"),
    examples=(
        ("asyncmigrate status", "A table of all migrations."),
        ("asyncmigrate status --check --quiet", "For scripts: exit 0, or 7."),
        (
            "asyncmigrate status --json | jq -r .last_applied",
            "The newest applied version.",
        ),
    ),
)
