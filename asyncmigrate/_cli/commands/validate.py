"""`validate`: files and history, without changing anything."""

from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import READ
from asyncmigrate.errors import ConflictsFound


def validate(
    call: Call,
    *,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="REF",
            help="A git revision: what merging into it would break, too.",
        ),
    ] = None,
) -> None:
    """Check files, and files against history; change nothing. Exit 4 on a finding.

    Without a DSN the files alone are checked. With --base also what was edited,
    renamed or removed since the branch left, and new versions below its newest.
    """
    from asyncmigrate import _api

    output = call.output
    conflicts = call.run(lambda _: _api.run_validate(call.settings))
    if base is not None:
        known = {conflict.message for conflict in conflicts}
        more = _api.validate_against(call.settings, base)
        conflicts += tuple(each for each in more if each.message not in known)
    call.signals.ending()
    alone = call.settings.dsn is None
    if conflicts:
        raise ConflictsFound(conflicts)
    if not output.quiet:
        what = "the files are valid" if alone else "files and history agree"
        output.say(output.paint_out(what, "green"))
        if alone:
            output.tell("the files alone were checked, since there is no DSN")
    output.write({"conflicts": []})


COMMAND = Command(
    name="validate",
    body=validate,
    settings=(*READ, "allow_out_of_order"),
    examples=(
        ("asyncmigrate validate", "Before a deploy."),
        ("asyncmigrate validate --base origin/main", "In CI, for a merge request."),
    ),
)
