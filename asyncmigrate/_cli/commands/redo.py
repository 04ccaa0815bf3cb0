"""`redo`: the newest migration down and up again."""

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import RUN
from asyncmigrate._cli.scripts import list_of, show_scripts
from asyncmigrate._cli.typed import DryRun


def redo(call: Call, *, dry_run: DryRun = False) -> None:
    """Undo the newest migration and apply it again, while it is being written."""
    from asyncmigrate import _api

    if not dry_run and call.must_ask:
        planned = call.run(
            lambda emit: _api.run_redo(call.settings, dry_run=True, emit=emit)
        )
        call.confirm("undo and apply again", list_of(planned))
    report = call.run(
        lambda emit: _api.run_redo(call.settings, dry_run=dry_run, emit=emit)
    )
    show_scripts(call.output, report)
    call.finish(report)


COMMAND = Command(
    name="redo",
    body=redo,
    settings=RUN,
    confirms=True,
    examples=(("asyncmigrate redo", "Try the migration you are writing once more."),),
)
