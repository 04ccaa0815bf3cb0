"""`config`: what holds, and where each value came from."""

import math
from collections.abc import Mapping
from dataclasses import fields

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import SETTINGS
from asyncmigrate._readers.tables import Column, TableView
from asyncmigrate._readers.text import escape
from asyncmigrate._settings import Origin, Settings, known_settings, mask


def config(call: Call) -> None:
    """Show every setting, its value and where that came from; passwords are masked."""
    output = call.output
    rows = [
        (each.name, _shown(each.name, getattr(call.settings, each.name)))
        for each in fields(Settings)
        if each.name in known_settings()
    ]
    origins = {name: call.resolved.origins[name] for name, _ in rows}
    sources = [_source(*origins[name]) for name, _ in rows]
    view = TableView(paint=output.paint_out, width=output.terminal.table_width)
    columns = [
        Column("setting", [name for name, _ in rows]),
        Column("value", [_text(value) for _, value in rows], shrinks=True),
        Column(
            "from",
            sources,
            shrinks=True,
            colours=["dim" if source == "default" else "" for source in sources],
        ),
    ]
    output.say("\n".join(view.render(columns)))
    output.write(
        {
            "settings": {
                name: {
                    "value": value,
                    "origin": origins[name][0].value,
                    "source": origins[name][1] or None,
                }
                for name, value in rows
            }
        }
    )


def _shown(name: str, value: object) -> object:
    """A setting as JSON can carry it and as anybody may see it."""
    if name == "dsn" and isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return dict.fromkeys(value, "***")
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and math.isinf(value):
        return "off"
    return value


def _text(value: object) -> str:
    match value:
        case None | [] | {} if not value:
            return "-"
        case bool():
            return "true" if value else "false"
        case dict():
            return escape(", ".join(f"{name}={each}" for name, each in value.items()))
        case list():
            return escape(", ".join(map(str, value)))
        case float():
            return f"{value:g} s"
        case _:
            return escape(str(value))


def _source(origin: Origin, where: str) -> str:
    return escape(where) if where else origin.value


COMMAND = Command(
    name="config",
    body=config,
    settings=tuple(SETTINGS),
    examples=(
        ("asyncmigrate config", "What would hold for the other commands, here."),
    ),
)
