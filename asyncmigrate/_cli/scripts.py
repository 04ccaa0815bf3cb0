"""The SQL of a dry run, and a plan as a short list."""

from asyncmigrate._cli.output import Output
from asyncmigrate._readers.text import escape, escape_block
from asyncmigrate.results import MigrationReport


def show_scripts(output: Output, report: MigrationReport) -> None:
    """Print each migration of a dry run in order, a comment and its SQL.

    A terminal is shown control characters spelt out; a pipe gets the SQL as it is.
    """
    from asyncmigrate._readers.summary import script

    if not report.dry_run:
        return
    shown = escape_block if output.terminal.out_is_terminal else str
    for result in report:
        output.say(script(result, shown=shown))


def list_of(report: MigrationReport) -> list[str]:
    """What a run would do, one line a migration."""
    words = {"up": "apply", "down": "roll back"}
    return [
        f"{words[result.direction]} {escape(result.version)} {escape(result.name)}"
        for result in report
    ]
