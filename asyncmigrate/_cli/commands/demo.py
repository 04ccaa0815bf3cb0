"""`demo`: the main job on an embedded PostgreSQL, nothing else needed."""

from asyncmigrate._cli.command import Call, Command


def demo(call: Call) -> None:
    """Show the main job on an embedded PostgreSQL that is removed afterwards.

    It needs no server and no settings, only `pip install 'asyncmigrate[embedded]'`.
    """
    from asyncmigrate._cli import demo as body

    body.run(call)


COMMAND = Command(
    name="demo",
    body=demo,
    examples=(("asyncmigrate demo", "From nothing to a migrated database."),),
)
