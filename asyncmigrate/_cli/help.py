"""Help that teaches: what a command does, its options in groups, and examples.

Laid out here, not by typer: the examples stay as they are typed, it reads the same
in a pipe, and nothing has to be imported for it.
"""

import textwrap
from collections.abc import Iterable
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

from asyncmigrate._cli.terminal import inspect_terminal
from asyncmigrate._readers.colour import Painter

_WIDEST: Final = 88
_OPTION: Final = 31
"""Cells of the column of options; a longer one has a line of its own."""
_OPTIONS: Final = "Options"


class HelpfulCommand(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's own
        """All parameters, those too that typer adds by itself."""
        return _keeping_text(super().get_params(ctx))

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 - typer keeps the class to itself
        """The page of ``--help``."""
        page = _Page(ctx, self)
        page.examples(getattr(self.callback, "examples", ()))
        page.parameters(self.get_params(ctx))
        page.note(
            "Every setting can also be given as a variable (ASYNCMIGRATE_LOCK_WAIT for"
            " --lock-wait) or in [tool.asyncmigrate] of pyproject.toml;"
            " `asyncmigrate config` shows what holds. A duration is `5s`, `10min` or a"
            " number of seconds."
        )
        return page.text


class HelpfulGroup(TyperGroup):
    """All commands together."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's own
        """All parameters, those too that typer adds by itself."""
        params = super().get_params(ctx)
        for param in params:
            if param.name == "show_completion":
                described: Any = param  # which class it is, typer keeps to itself
                described.help = "Print completion for the current shell."
        return _keeping_text(params)

    def get_help(self, ctx: Any) -> str:  # noqa: ANN401 - typer keeps the class to itself
        """The page of ``--help``."""
        page = _Page(ctx, self)
        page.rows(
            "Commands",
            [
                (name, _first_sentence(command.help))
                for name, command in self.commands.items()
                if not command.hidden
            ],
        )
        page.examples(getattr(self.callback, "examples", ()))
        page.parameters(self.get_params(ctx))
        page.note(
            "`asyncmigrate COMMAND --help` explains a command. Exit status: 0 done or"
            " nothing to do, 1 a migration failed, 2 wrong use, 3 the lock was not"
            " free, 4 files and history disagree, 5 database not usable, 6 needs"
            " `repair`, 7 a check found something, 130 and 143 interrupted."
        )
        return page.text


def _keeping_text(params: list[Any]) -> list[Any]:
    """Have values stay the text that they are, which `_settings` reads.

    typer converts each with pydantic, whose import alone takes longer (100 ms) than
    a run with nothing to do.
    """
    for param in params:
        if not isinstance(param.process_value, _Kept):
            param.process_value = _Kept(param, param.process_value)
    return params


class _Kept:
    def __init__(self, param: Any, process: Any) -> None:  # noqa: ANN401 - typer's own
        self._param = param
        self._process = process

    def __call__(self, ctx: Any, value: Any) -> Any:  # noqa: ANN401 - typer's own
        param = self._param
        several = getattr(param, "multiple", False) or param.nargs != 1
        if value is None or value == ():
            if param.required:
                return self._process(ctx, value)  # says that it is missing
            value = () if several else None
        if param.callback is not None:
            value = param.callback(ctx, param, value)
        return value


def _first_sentence(text: str | None) -> str:
    return (text or "").strip().split("\n\n", 1)[0].replace("\n", " ").rstrip(".")


class _Page:
    def __init__(self, ctx: Any, command: Any) -> None:  # noqa: ANN401 - typer's own
        terminal = inspect_terminal()
        self._paint = Painter(terminal.colour_out)
        self._width = min(terminal.width, _WIDEST)
        pieces = " ".join(command.collect_usage_pieces(ctx))
        usage = f"{self._paint('Usage:', 'bold')} {ctx.command_path} {pieces}"
        self._blocks = [usage]
        for paragraph in (command.help or "").strip().split("\n\n"):
            self._blocks.append(self._wrap(paragraph, "  "))

    @property
    def text(self) -> str:
        return "\n\n".join(self._blocks)

    def note(self, text: str) -> None:
        self._blocks.append(self._wrap(text, ""))

    def parameters(self, params: Iterable[Any]) -> None:
        """The arguments and options, each group of them under its heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in params:
            if getattr(param, "hidden", False):
                continue
            if param.param_type_name == "argument":
                row = param.metavar or param.name.upper(), param.help or ""
                groups.setdefault("Arguments", []).append(row)
                continue
            panel = getattr(param, "rich_help_panel", None) or _OPTIONS
            groups.setdefault(panel, []).append((_spelling(param), param.help or ""))
        for heading in sorted(groups, key=lambda g: g not in {"Arguments", _OPTIONS}):
            self.rows(heading, groups[heading], column=_OPTION)

    def rows(
        self, heading: str, rows: list[tuple[str, str]], column: int | None = None
    ) -> None:
        """Terms and what they mean, in two columns."""
        column = column or max((len(term) for term, _ in rows), default=0) + 2
        lines = [self._paint(f"{heading}:", "bold")]
        for term, text in rows:
            wrapped = textwrap.wrap(text, max(self._width - column - 2, 20)) or [""]
            line = f"  {self._paint(term, 'cyan')}"
            if len(term) + 2 <= column:
                line += f"{' ' * (column - len(term))}{wrapped.pop(0)}"
            lines.append(line.rstrip())
            lines += [f"  {' ' * column}{rest}" for rest in wrapped]
        self._blocks.append("\n".join(lines))

    def examples(self, examples: Iterable[tuple[str, str]]) -> None:
        lines = [self._paint("Examples:", "bold")]
        for typed, does in examples:
            lines += [f"  {self._paint(typed, 'cyan')}", self._wrap(does, " " * 6)]
        if len(lines) > 1:
            self._blocks.append("\n".join(lines))

    def _wrap(self, text: str, indent: str) -> str:
        return textwrap.fill(
            " ".join(text.split()),
            self._width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _spelling(param: Any) -> str:  # noqa: ANN401 - typer's own
    """``-d, --directory PATH``: the short name first; ``--[no-]allow-pooler``."""
    names = sorted(param.opts, key=len)
    text = ", ".join(names)
    if param.secondary_opts:
        return f"--[no-]{text.removeprefix('--')}"
    if not param.is_flag:
        text += f" {param.metavar or 'TEXT'}"
    return text
