"""Where a command writes: results to standard output, everything else to the other.

Under ``--json`` exactly one document is written, whatever happens, and to the
stream that was standard output when we began: what a Python migration or a process
that it starts prints goes to standard error instead.
"""

import io
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from asyncmigrate import events
from asyncmigrate._cli.terminal import Terminal, inspect_terminal
from asyncmigrate._nouns import Direction
from asyncmigrate._readers.colour import Marks, Painter, marks_for
from asyncmigrate._readers.secrets import Redactor
from asyncmigrate._readers.text import escape, escape_block
from asyncmigrate.errors import MigrationError
from asyncmigrate.results import MigrationReport, MigrationResult, Outcome

if TYPE_CHECKING:
    from asyncmigrate._readers.logs import JsonLines

_STDOUT = 1
_STDERR = 2


@dataclass(slots=True)
class Output:
    """Both streams of one command, and what has become known by the time it ends."""

    command: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    log_json: bool = False
    namespace: str | None = None
    warnings: list[str] = field(default_factory=list)
    redact: Redactor = field(default_factory=Redactor)
    terminal: Terminal = field(default_factory=inspect_terminal)
    run_id: str | None = None
    written: bool = False
    """Whether the JSON document is out."""
    seen: list[MigrationResult] = field(default_factory=list)
    """What the events told, for an end that has no report: an interruption."""
    _document_stream: TextIO | None = None

    @property
    def paint_out(self) -> Painter:
        """Colour for standard output."""
        return Painter(self.terminal.colour_out)

    @property
    def paint_err(self) -> Painter:
        """Colour for standard error."""
        return Painter(self.terminal.colour_err)

    @property
    def marks_out(self) -> Marks:
        """The marks that standard output can show."""
        return marks_for(getattr(sys.stdout, "encoding", None))

    def divert(self) -> None:
        """Keep standard output for the document alone, for processes of ours too."""
        stream = sys.stdout
        try:
            if stream is None or stream.fileno() != _STDOUT:
                raise io.UnsupportedOperation  # noqa: TRY301 - the same as having none
            stream.flush()
            kept = os.dup(_STDOUT)
            os.dup2(_STDERR, _STDOUT)
        except (OSError, io.UnsupportedOperation):
            self._document_stream = stream
        else:
            self._document_stream = os.fdopen(kept, "w", encoding="utf-8")
        sys.stdout = sys.stderr or _nowhere()

    def observe(self, event: events.Event) -> None:
        """Remember what stands, since an interruption brings no report."""
        match event:
            case events.MigrationApplied():
                direction, status = Direction.UP, Outcome.APPLIED
            case events.MigrationRolledBack():
                direction, status = Direction.DOWN, Outcome.ROLLED_BACK
            case events.Planned():
                self.run_id = event.run_id
                return
            case events.Warned():
                self.warnings.append(event.message)
                return
            case _:
                return
        self.seen.append(
            MigrationResult(
                version=event.version,
                name=event.title,
                direction=direction,
                status=status,
                duration=event.duration,
            )
        )

    def say(self, text: str) -> None:
        """Write a result to standard output; under ``--json`` the document has it."""
        if self.json or sys.stdout is None:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Whoever read has seen enough (`history | head`); we go on all the same.
            sys.stdout = _nowhere()

    def tell(self, text: str) -> None:
        """Write to standard error."""
        if sys.stderr is None:
            return
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            sys.stderr = _nowhere()

    def write(self, more: Mapping[str, object] | None = None, **keys: object) -> None:
        """Write the document, unless one was written already."""
        from asyncmigrate._readers.document import document, dump

        if not self.json or self.written:
            return
        self.written = True
        stream = self._document_stream
        if stream is None:
            return
        content = document(
            self.command,
            namespace=self.namespace,
            warnings=[self.redact(warning) for warning in self.warnings],
            more=dict(more or {}),
            **keys,  # type: ignore[arg-type]  # those of `document`, passed on
        )
        text = dump(content, indent=self.terminal.out_is_terminal)
        try:
            stream.write(text + "\n")
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    def write_report(self, report: MigrationReport, **more: object) -> None:
        """Write the document of a run."""
        from asyncmigrate._readers.document import plan_entries
        from asyncmigrate._readers.summary import texts_of

        self.warnings += [w for w in report.warnings if w not in self.warnings]
        if report.dry_run:
            more |= {"dry_run": True, "plan": plan_entries(report)}
        for key in report.details:
            more.setdefault(key, texts_of(report, key))
        self.write(more, run_id=report.run_id, results=report.results)

    def warn(self, messages: Iterable[str]) -> None:
        """Tell warnings that no event told, once each, and keep them."""
        for message in messages:
            if message in self.warnings:
                continue
            self.warnings.append(message)
            text = self.redact(message)
            if self.log_json:
                self._json_lines().warning(text)
            else:
                label = self.paint_err("warning:", "yellow")
                self.tell(f"{label} {escape(text)}")

    def fail(
        self,
        error: MigrationError,
        trace: str | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Say how the command failed, to people and, under ``--json``, to programs."""
        error = _redacted(error, self.redact)
        if not error.results and self.seen:
            error.results = tuple(self.seen)
        if trace:
            trace = self.redact.thorough(trace)
        if self.log_json:
            self._json_lines().error(error, trace)
        elif not self.json or trace:
            self._tell_error(error, trace)
        self.warnings += [w for w in error.warnings if w not in self.warnings]
        self.write(
            more,
            ok=False,
            error=error,
            run_id=error.run_id or self.run_id,
            results=error.results,
        )

    def _tell_error(self, error: MigrationError, trace: str | None) -> None:
        from asyncmigrate._readers.errors import ErrorView

        if trace:
            self.tell(escape_block(trace.rstrip()))
        view = ErrorView(
            paint=self.paint_err, width=self.terminal.width, whole=self.verbose
        )
        self.tell(view.render(error))

    def _json_lines(self) -> "JsonLines":
        from asyncmigrate._readers.logs import JsonLines

        return JsonLines(sys.stderr, redact=self.redact)


def _nowhere() -> TextIO:
    """For what nobody reads any more, to the end of the process."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - no path of ours


def _redacted(error: MigrationError, redact: Redactor) -> MigrationError:
    """The error, its texts gone through the gate."""
    error.message = redact(error.message)
    error.hint = error.hint and redact(error.hint)
    error.detail = error.detail and redact(error.detail)
    return error
