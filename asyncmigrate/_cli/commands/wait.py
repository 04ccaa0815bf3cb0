"""`wait`: returns when the database is current."""

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import READ, Option
from asyncmigrate._cli.usage import refuse
from asyncmigrate._durations import parse_duration

_DEFAULT = 300.0


def wait(call: Call, *, timeout: str | None) -> None:
    """Wait until every migration of the directory is applied, by somebody else.

    For an application beside a migration job; SELECT on the tracking tables is
    enough. Exit 7 when the time is over; at once 4 or 6 when it can never be.
    """
    from asyncmigrate._api import run_wait
    from asyncmigrate._readers.document import status_keys
    from asyncmigrate._readers.tables import TableView

    output = call.output
    seconds = _DEFAULT if timeout is None else _seconds(timeout)
    found = call.run(lambda emit: run_wait(call.settings, timeout=seconds, emit=emit))
    call.signals.ending()
    output.warn(found.warnings)
    if not output.quiet:
        output.say(f"current: {TableView(paint=output.paint_out).sum_of(found)}")
    output.write(status_keys(found))


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        refuse(
            f"--timeout: {text!r} is no duration", hint="give `30s`, `5min` or a number"
        )


COMMAND = Command(
    name="wait",
    body=wait,
    own={"timeout": Option("Then give up, exit 7. [5min]", "DURATION")},
    settings=(*READ, "allow_out_of_order"),
    examples=(
        ("asyncmigrate wait --timeout 2min && exec myapp", "Beside a migration job."),
    ),
)
