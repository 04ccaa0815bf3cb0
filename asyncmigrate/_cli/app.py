"""The command line: finds the command, runs it, and says how it ended.

Whatever happens inside, this is where it ends: an error becomes its text or its
document and its exit status, a bug becomes exit 1 with its traceback.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from asyncmigrate._cli.output import Output
from asyncmigrate._cli.signals import Interruption, Signals
from asyncmigrate.errors import InvalidUsage, MigrationError

if TYPE_CHECKING:
    import typer

    from asyncmigrate._cli.command import Command
    from asyncmigrate._cli.plain import Values

PROGRAM: Final = "asyncmigrate"
COMMANDS: Final = (
    "migrate",
    "rollback",
    "redo",
    "status",
    "wait",
    "history",
    "new",
    "validate",
    "baseline",
    "adopt",
    "repair",
    "config",
    "demo",
)
ALIASES: Final = {"up": "migrate", "down": "rollback"}


class InternalError(MigrationError):
    """A bug of ours; its traceback is on standard error."""

    code = "internal_error"


def run(arguments: Sequence[str]) -> int:
    """Run the command line. Returns the exit status, and never raises."""
    signals = Signals()
    signals.install()
    output = Output(command=_command_of(arguments), json=_wants_json(arguments))
    if output.json:
        output.divert()
    return _run(arguments, output, signals)


def _run(arguments: Sequence[str], output: Output, signals: Signals) -> int:
    trace = None
    try:
        return _dispatch(arguments, output, signals)
    except Interruption:
        failure: MigrationError = signals.error()
    except MigrationError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - a bug; the promise of one document holds
        import traceback

        trace = traceback.format_exc()
        failure = InternalError(
            f"this is a bug in asyncmigrate: {type(error).__name__}: {error}",
            hint="please report it, with the traceback",
        )
    signals.ending()
    output.fail(failure, trace)
    return failure.exit_status


def _dispatch(arguments: Sequence[str], output: Output, signals: Signals) -> int:
    command, values = _plain(arguments)
    if command is not None and values is not None:
        status = command.call(output, signals, values)
    else:
        status = _judged_by_typer(arguments, output, signals)
    code = status if isinstance(status, int) else 0
    output.write(ok=code == 0)
    return code


def _plain(arguments: Sequence[str]) -> "tuple[Command | None, Values | None]":
    """The command and its values, where neither help nor a mistake wants typer."""
    from asyncmigrate._cli.plain import read_plainly

    name = ALIASES.get(arguments[0], arguments[0]) if arguments else ""
    if name not in COMMANDS or _completes():
        return None, None
    command = _command(name)
    if command.own is None:
        return None, None
    return command, read_plainly(arguments[1:], command.options)


def _completes() -> bool:
    """Whether it is a shell that asks what could be typed."""
    return f"_{PROGRAM.upper()}_COMPLETE" in os.environ


def _command(name: str) -> "Command":
    command: Command = import_module(f"asyncmigrate._cli.commands.{name}").COMMAND
    return command


def _judged_by_typer(arguments: Sequence[str], output: Output, signals: Signals) -> Any:  # noqa: ANN401 - what a command returns, or nothing
    import typer

    app = build(output, signals, arguments)
    try:
        return app(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except typer.Exit as left:
        return left.exit_code
    except typer.Abort:
        raise Interruption from None
    except _usage_errors() as error:
        raise _usage(error, arguments) from None


def _usage_errors() -> tuple[type[Exception], ...]:
    """What typer raises about arguments; it keeps the base of all that to itself."""
    import typer

    bases = typer.BadParameter.__mro__
    return tuple(base for base in bases if base.__name__ == "ClickException")


def _usage(error: Any, arguments: Sequence[str]) -> InvalidUsage:  # noqa: ANN401 - typer keeps the class to itself
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    message = error.format_message().rstrip(".")
    hint = f"`{path} --help` shows how it is used"
    if path == PROGRAM and arguments[0].startswith("-") and _command_of(arguments):
        hint = "options come after the command"
    return InvalidUsage(message[:1].lower() + message[1:], hint=hint)


def build(
    output: Output, signals: Signals, arguments: Sequence[str] = ()
) -> "typer.Typer":
    """The typer application, with the one command that is asked for, or with all."""
    import typer

    from asyncmigrate._cli.group import group
    from asyncmigrate._cli.help import HelpfulCommand, HelpfulGroup

    app = typer.Typer(
        name=PROGRAM,
        cls=HelpfulGroup,
        subcommand_metavar="COMMAND",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(invoke_without_command=True)(group)
    asked = _command_of(arguments)
    for name in [asked] if asked and not _completes() else COMMANDS:
        command = _command(name)
        entry: Any = command.entry(output, signals)  # a function, with more on it
        entry.examples = command.examples
        names = [name, *(alias for alias, of in ALIASES.items() if of == name)]
        for each in names:
            app.command(each, cls=HelpfulCommand, hidden=each != name)(entry)
    return app


def _command_of(arguments: Sequence[str]) -> str | None:
    """The command among the arguments, by its own name; null when there is none."""
    for argument in arguments:
        if not argument.startswith("-"):
            name = ALIASES.get(argument, argument)
            return name if name in COMMANDS else None
    return None


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` is among the options; known before anything can go wrong."""
    if "--" in arguments:
        arguments = arguments[: list(arguments).index("--")]
    return "--json" in arguments
