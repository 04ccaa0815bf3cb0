"""`history`: the audit trail, and stored scripts."""

from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.completion import complete_version
from asyncmigrate._cli.options import READ
from asyncmigrate._readers.text import escape_block


def history(
    call: Call,
    *,
    show: Annotated[
        str | None,
        typer.Option(
            "--show",
            metavar="V",
            help="The script of this version, as it was stored when it was applied.",
            autocompletion=complete_version,
        ),
    ] = None,
) -> None:
    """Show everything that was ever applied, undone, marked or repaired, and by whom."""
    if show is None:
        _show_trail(call)
    else:
        _show_script(call, show)


def _show_trail(call: Call) -> None:
    from asyncmigrate import _api
    from asyncmigrate._readers.document import history_entry
    from asyncmigrate._readers.tables import TableView

    output = call.output
    entries = call.run(lambda _: _api.read_history(call.settings))
    call.signals.ending()
    view = TableView(paint=output.paint_out, width=output.terminal.table_width)
    output.say(view.history(entries))
    output.write({"history": [history_entry(entry) for entry in entries]})


def _show_script(call: Call, version: str) -> None:
    from asyncmigrate import _api

    output = call.output
    script = call.run(lambda _: _api.read_script(call.settings, version))
    call.signals.ending()
    shown = script if not output.terminal.out_is_terminal else escape_block(script)
    output.say(shown.removesuffix("\n"))
    output.write({"version": version, "script": script})


COMMAND = Command(
    name="history",
    body=history,
    settings=READ,
    examples=(
        ("asyncmigrate history", "Who did what, and when."),
        ("asyncmigrate history --show 0007", "The SQL that was applied as version 7."),
    ),
)
