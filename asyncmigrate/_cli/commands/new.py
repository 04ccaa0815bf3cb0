"""`new`: a new file with the next version."""

from typing import Annotated

import typer

from asyncmigrate._cli.command import Call, Command
from asyncmigrate._cli.options import FILES
from asyncmigrate._readers.text import escape


def new(
    call: Call,
    words: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="What it does, in a few words."),
    ],
    *,
    python: Annotated[
        bool, typer.Option("--python", help="A Python migration instead of SQL.")
    ] = False,
    pair: Annotated[
        bool, typer.Option("--pair", help="Two files, .up.sql and .down.sql.")
    ] = False,
) -> None:
    """Write a new migration file with the next version, ready to be filled in."""
    from asyncmigrate import _api

    paths = _api.create_migration(
        call.settings, " ".join(words), python=python, pair=pair
    )
    for path in paths:
        call.output.say(escape(path))
    call.output.write({"files": list(paths)})


COMMAND = Command(
    name="new",
    body=new,
    settings=FILES,
    examples=(
        ("asyncmigrate new add index on orders", "One file, with UP and DOWN."),
        ("asyncmigrate new backfill totals --python", "When SQL is not enough."),
        ('$EDITOR "$(asyncmigrate new add users)"', "Write it and open it."),
    ),
)
