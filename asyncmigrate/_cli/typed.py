"""Options as typer takes them: for help, for completion, and for what is not plain."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from asyncmigrate._cli.completion import complete_version
from asyncmigrate._cli.options import DRY_RUN, Option, spelt


def option(name: str, of: Option) -> Any:  # noqa: ANN401 - typer's own, a default or an annotation
    """The option called *name*, as typer describes one."""
    flag = spelt(name)
    names = [f"{flag}/--no-{flag[2:]}" if of.flag else flag]
    if of.short:
        names.append(of.short)
    return typer.Option(
        *names,
        help=of.help,
        metavar=of.metavar or None,
        rich_help_panel=of.panel,
        show_default=False,
        autocompletion=complete_version if of.completes_versions else None,
    )


def parameters(options: Mapping[str, Option]) -> list[inspect.Parameter]:
    """The options of a command, as parameters for typer to read."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if of.is_switch else None,
            annotation=Annotated[_type(of), option(name, of)],
        )
        for name, of in options.items()
    ]


def _type(of: Option) -> object:
    if of.is_switch:
        return bool
    if of.flag:
        return bool | None
    return list[str] | None if of.multiple else str | None


DryRun = Annotated[bool, option("dry_run", DRY_RUN)]
