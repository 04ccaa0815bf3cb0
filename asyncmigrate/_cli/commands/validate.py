"""`validate`: files and history, without changing anything."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import READ
from asyncmigrate._readers.annotations import Annotations, annotate
from asyncmigrate.errors import (
    BranchConflictsFound,
    Conflict,
    ConflictsFound,
    InvalidUsage,
)


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
    annotations: Annotated[
        Annotations | None,
        typer.Option(
            "--annotations",
            help="Write findings to standard output as annotations of a merge request.",
        ),
    ] = None,
) -> None:
    """Check files, and files against history; change nothing. Exit 4 on a finding.

    Without a DSN the files alone are checked. With --base also what was edited,
    renamed or removed since the branch left, and new versions below its newest; exit 7
    when there is nothing but that.
    """
    from asyncmigrate import _api

    output = call.output
    if annotations is not None and output.json:
        message = "`--annotations` and `--json` both want standard output"
        raise InvalidUsage(message, hint="leave one of the two out")
    conflicts = call.run(lambda _: _api.run_validate(call.settings))
    more: tuple[Conflict, ...] = ()
    if base is not None:
        known = {conflict.message for conflict in conflicts}
        found = _api.validate_against(call.settings, base)
        more = tuple(each for each in found if each.message not in known)
    call.signals.ending()
    if annotations is not None:
        located = [*_located(conflicts, call.settings.directory), *more]
        if text := annotate(located, annotations):
            output.say(text)
    if conflicts:
        raise ConflictsFound((*conflicts, *more))
    if more:
        raise BranchConflictsFound(more)
    alone = call.settings.dsn is None
    if not output.quiet and annotations is None:
        what = "the files are valid" if alone else "files and history agree"
        output.say(output.paint_out(what, "green"))
        if alone:
            output.tell("the files alone were checked, since there is no DSN")
    output.write({"conflicts": []})


def _located(
    conflicts: Sequence[Conflict], directories: Sequence[str]
) -> list[Conflict]:
    """Each with the path of its file from where this process stands."""
    located = []
    for conflict in conflicts:
        paths = [f"{top.rstrip('/')}/{conflict.file}" for top in directories]
        there = [path for path in paths if Path(path).exists()]
        file = (there or paths)[0] if conflict.file else None
        located.append(replace(conflict, file=file))
    return located


COMMAND = Command(
    name="validate",
    body=validate,
    settings=(*READ, "allow_out_of_order"),
    examples=(
        ("asyncmigrate validate", "Before a deploy."),
        ("asyncmigrate validate --base origin/main", "In CI, for a merge request."),
        (
            "asyncmigrate validate --base origin/main --annotations github",
            "The same, beside the lines of the merge request.",
        ),
    ),
)
