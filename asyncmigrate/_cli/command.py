"""A command as its module declares it, and the call that its body is given."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asyncmigrate import events
from asyncmigrate._cli.options import COMMON, SETTINGS, YES, Option
from asyncmigrate._cli.output import Output
from asyncmigrate._cli.signals import Signals
from asyncmigrate._cli.usage import refuse_setting
from asyncmigrate._settings import Resolved, Settings
from asyncmigrate.errors import ConfirmationNeeded
from asyncmigrate.results import MigrationReport

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """One call of a command: what holds, where output goes, how work is run."""

    output: Output
    signals: Signals
    resolved: Resolved
    yes: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def settings(self) -> Settings:
        """What holds in this call."""
        return self.resolved.settings

    def run(self, work: Callable[[events.Emit], Awaitable[T]]) -> T:
        """Run *work*, showing its events, until it is done or a signal comes."""
        with ExitStack() as stack:
            show: Callable[[events.Event], None] | None = self._reader(stack)

            def emit(event: events.Event) -> None:
                nonlocal show
                self.output.observe(event)
                try:
                    if show is not None:
                        show(event)
                except OSError:  # nobody reads standard error any more
                    show = None

            return self.signals.run(lambda: work(emit))

    def _reader(self, stack: ExitStack) -> Callable[[events.Event], None]:
        import sys

        output = self.output
        quiet, verbose = output.quiet, output.verbose
        if sys.stderr is None:
            return lambda _: None
        if output.log_json:
            from asyncmigrate._readers.logs import JsonLines

            return JsonLines(
                sys.stderr, quiet=quiet, verbose=verbose, redact=output.redact
            )
        if output.terminal.live and not quiet and not verbose:
            from asyncmigrate._readers.display import Display

            return stack.enter_context(Display(sys.stderr))
        from asyncmigrate._readers.lines import Lines

        return Lines(sys.stderr, quiet=quiet, verbose=verbose, paint=output.paint_err)

    def finish(self, report: MigrationReport, **more: object) -> None:
        """Show what a run came to."""
        from asyncmigrate._readers.summary import summary

        output = self.output
        self.signals.ending()
        output.warn(report.warnings)
        output.write_report(report, **more)
        if output.quiet or output.log_json:
            return
        text = summary(
            report, paint=output.paint_out, width=output.terminal.table_width
        )
        if report.dry_run:
            output.tell(text)
        else:
            output.say(text)

    @property
    def must_ask(self) -> bool:
        """Whether `confirm` is going to ask, or to refuse."""
        return self.settings.protected and not self.yes

    def confirm(self, what: str, shown: Sequence[str] = ()) -> None:
        """Ask whether *what* is meant, where the setting `protected` wants that.

        Raises:
            ConfirmationNeeded: the answer was no, or nobody could be asked.
        """
        if not self.must_ask:
            return
        output = self.output
        if output.json or not output.terminal.can_ask:
            raise ConfirmationNeeded(what)
        for line in shown:
            output.tell(f"  {line}")
        if not _answer(f"{what} on {self.target}? [y/N] "):
            raise ConfirmationNeeded(what)

    @property
    def target(self) -> str:
        """The database, for a question."""
        from asyncmigrate._settings import mask

        dsn = self.settings.dsn
        where = mask(dsn) if dsn else "the database of the PG* variables"
        namespace = self.settings.namespace
        return where if namespace == "default" else f"{where}, namespace {namespace}"


def _answer(question: str) -> bool:
    import sys

    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a command is called, what it takes, and what it does."""

    name: str
    body: Callable[..., int | None]
    """Takes a `Call` and the command's own options, and may return an exit status; its
    docstring is the help."""
    own: Mapping[str, Option] | None = None
    """Its own options, of a command that is also read without typer; of any other
    they stand in the signature of its body."""
    settings: Sequence[str] = ()
    """Settings that it takes as options."""
    confirms: bool = False
    """Whether it undoes or marks, and so has ``--yes``."""
    examples: Sequence[tuple[str, str]] = ()
    """What one would type, and what that does."""

    @property
    def options(self) -> Mapping[str, Option]:
        """All that it takes, but for what stands in the signature of its body."""
        return {
            **(self.own or {}),
            **({"yes": YES} if self.confirms else {}),
            **{name: SETTINGS[name] for name in self.settings},
            **COMMON,
        }

    def call(
        self,
        output: Output,
        signals: Signals,
        values: dict[str, Any],
    ) -> int | None:
        """Do it, with the *values* of all its options; the exit status, if it has one."""
        from asyncmigrate._configuration import load

        common = {name: values.pop(name) for name in COMMON}
        given = {name: values.pop(name) for name in self.settings}
        yes = bool(values.pop("yes", False))
        _apply(output, common)
        output.redact.learn(given.get("dsn"))
        resolved = load(given)
        output.redact.learn(resolved.settings.dsn)
        output.namespace = resolved.settings.namespace
        output.warn(resolved.warnings)
        return self.body(Call(output, signals, resolved, yes), **values)

    def entry(self, output: Output, signals: Signals) -> Callable[..., int | None]:
        """The function that typer calls; its signature has all the options."""
        import inspect

        from asyncmigrate._cli.typed import parameters

        def call(**values: Any) -> int | None:  # noqa: ANN401 - typer's, of many types
            return self.call(output, signals, values)

        own = list(inspect.signature(self.body).parameters.values())[1:]
        if self.own is not None:
            own = []
        signature = inspect.Signature([*own, *parameters(self.options)])
        call.__signature__ = signature  # type: ignore[attr-defined]  # read by typer
        call.__annotations__ = {}
        call.__doc__ = self.body.__doc__
        return call


def _apply(output: Output, common: dict[str, Any]) -> None:
    output.json = output.json or common["json"]
    output.quiet = common["quiet"]
    output.verbose = common["verbose"]
    form = common["log_format"]
    if form not in {None, "text", "json"}:
        refuse_setting(
            f"--log-format: {form!r} is no format of logs", hint="give `text` or `json`"
        )
    output.log_json = form == "json"
