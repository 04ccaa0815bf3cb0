"""`demo`: the main job on an embedded PostgreSQL, nothing else needed."""

import typer

from asyncmigrate._cli.command import Call, Command


def demo(call: Call) -> None:  # noqa: ARG001 - it has a database of its own
    """Show the main job on an embedded PostgreSQL that is removed afterwards.

    It needs no server and no settings, only `pip install 'asyncmigrate[embedded]'`.
    """
    from asyncmigrate._cli import demo as body

    status = body.run()
    if isinstance(status, int) and status:
        raise typer.Exit(status)


COMMAND = Command(
    name="demo",
    body=demo,
    examples=(("asyncmigrate demo", "From nothing to a migrated database."),),
)
