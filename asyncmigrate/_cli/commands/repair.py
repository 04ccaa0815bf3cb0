"""`repair`: settles a half-done migration, an accepted edit, a rename."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.completion import complete_version
from asyncmigrate._cli.options import RUN
from asyncmigrate._cli.scripts import list_of
from asyncmigrate._cli.typed import DryRun
from asyncmigrate._cli.usage import refuse
from asyncmigrate._readers.text import escape
from asyncmigrate.events import Emit
from asyncmigrate.results import MigrationReport, RepairAction

_WAYS = (
    "say what to do: --resume, --mark-applied V, --mark-pending V,"
    " --accept-checksums or --renumber OLD=NEW; `asyncmigrate status` shows what stands"
)


def repair(  # noqa: PLR0913 - one flag for each way
    call: Call,
    versions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VERSION]...",
            help="The versions that are meant.",
            autocompletion=complete_version,
        ),
    ] = None,
    *,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on after the statements that stand."),
    ] = False,
    mark_applied: Annotated[
        bool,
        typer.Option("--mark-applied", help="Take the versions as applied."),
    ] = False,
    mark_pending: Annotated[
        bool,
        typer.Option("--mark-pending", help="Take the versions as not applied."),
    ] = False,
    accept_checksums: Annotated[
        bool,
        typer.Option(
            "--accept-checksums",
            help="Take edited files as what was applied; of all, or of the versions.",
        ),
    ] = False,
    renumber: Annotated[
        list[str] | None,
        typer.Option(
            "--renumber",
            metavar="OLD=NEW",
            help="A file was renamed; may be given more than once.",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Settle what only a person can decide, after showing what will be written.

    It runs no migration: `migrate` goes on from what it has written. That is kept in
    the audit trail too, which `asyncmigrate history` shows.
    """
    from asyncmigrate import _api
    from asyncmigrate._readers.summary import texts_of

    flags = {
        RepairAction.RESUME: resume,
        RepairAction.MARK_APPLIED: mark_applied,
        RepairAction.MARK_PENDING: mark_pending,
        RepairAction.ACCEPT_CHECKSUMS: accept_checksums,
        RepairAction.RENUMBER: bool(renumber),
    }
    action = _chosen(flags)
    wanted = tuple(versions or ())
    if action in {RepairAction.MARK_APPLIED, RepairAction.MARK_PENDING} and not wanted:
        refuse(
            f"--{action} needs the versions that are meant",
            hint="`asyncmigrate status` shows them",
        )
    renames = dict(_rename(text) for text in renumber or ())

    def settle(emit: Emit, *, dry: bool) -> Awaitable[MigrationReport]:
        return _api.run_repair(
            call.settings,
            action,
            wanted,
            renames=renames or None,
            dry_run=dry,
            emit=emit,
        )

    planned = call.run(lambda emit: settle(emit, dry=True))
    details = {key: texts_of(planned, key) for key in ("found", "writes", "diffs")}
    _show(call, details)
    if dry_run:
        call.finish(planned, **details)
        return
    if not details["writes"] and not planned.results:
        call.finish(replace(planned, dry_run=False), **details)
        return
    call.confirm("do that", list_of(planned))
    call.finish(call.run(lambda emit: settle(emit, dry=False)), **details)
    if resume and not call.output.quiet:
        call.output.tell(
            "`asyncmigrate migrate` goes on there, or `asyncmigrate rollback` where it"
            " was being undone"
        )


def _chosen(flags: dict[RepairAction, bool]) -> RepairAction:
    chosen = [action for action, wanted in flags.items() if wanted]
    if not chosen:
        refuse("nothing was asked for", hint=_WAYS)
    if len(chosen) > 1:
        both = " and ".join(f"--{action}" for action in chosen)
        refuse(f"{both} exclude each other", hint="give one of them")
    return chosen[0]


def _rename(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        refuse(f"--renumber: {text!r} is no pair of versions", hint="give OLD=NEW")
    return old, new


def _show(call: Call, details: dict[str, list[str]]) -> None:
    """What it found and what it will write, before it does."""
    from asyncmigrate._readers.errors import ErrorView

    output = call.output
    if output.quiet:
        return
    view = ErrorView(paint=output.paint_out)
    for key, heading in (("found", "found"), ("writes", "will be written")):
        if details[key]:
            output.say(output.paint_out(f"{heading}:", "bold"))
        for text in details[key]:
            output.say(f"  - {escape(text, keep=chr(10))}")
    for diff in details["diffs"]:
        output.say(view.diff(diff))


COMMAND = Command(
    name="repair",
    body=repair,
    settings=RUN,
    confirms=True,
    examples=(
        ("asyncmigrate repair --accept-checksums", "The edited files are right."),
        ("asyncmigrate repair --resume", "Go on with a half-done migration."),
        (
            "asyncmigrate repair --mark-applied 0012",
            "Version 12 is there; somebody applied it by hand.",
        ),
        ("asyncmigrate repair --renumber 0012=0013", "A file was renamed in a merge."),
    ),
)
