"""The fast look: may say "nothing to do" before anything heavy is imported.

A start with nothing to do is what nearly every start of a container is, and its time
is the import of asyncio, asyncpg and typer (measured: 30 ms without, 240 with). So one
question is asked over a plain socket: is every standing row's file there with the same
bytes, and no other file? It reads one SELECT, takes no lock and writes nothing. On
anything else, whatever it is, it says nothing, and the ordinary path starts from the
beginning. ``ASYNCMIGRATE_FAST=0`` turns it off.
"""

from asyncmigrate._fast.request import Request, read_request

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from asyncmigrate._digests import PlainDirectory


def nothing_to_do(arguments: list[str]) -> Request | None:
    """The request, when it is certain that there is nothing to do for it; else null."""
    try:
        return _look(arguments)
    except Exception:  # noqa: BLE001 - whatever went wrong, the ordinary path tells it
        return None


def _look(arguments: list[str]) -> Request | None:
    request = read_request(arguments)
    if request is None:
        return None
    from asyncmigrate._digests import PlainDirectory  # noqa: PLC0415 - only now

    directory = PlainDirectory(request.directory)
    if not directory.is_plain:
        return None
    return request if _is_settled(request, directory) else None


def _is_settled(request: Request, directory: "PlainDirectory") -> bool:
    from asyncmigrate._database.settled import digests_of  # noqa: PLC0415 - only now
    from asyncmigrate._fast.wire import Conversation  # noqa: PLC0415 - only now

    conversation = Conversation(request)
    same = False
    try:
        conversation.begin()
        # The server authenticates while the files are hashed.
        for _ in directory.slices():
            pass
        files = directory.digests()
        if files is not None:
            same = digests_of(conversation.finish(), directory.keys) == files
    finally:
        conversation.close(wait=not same)
    return same
