"""The fast look: may say "nothing to do" before anything heavy is imported.

A start with nothing to do is what nearly every start of a container is, and its time
is the import of asyncio, asyncpg and typer (measured: 30 ms without, 240 with). So one
question is asked over a plain socket: is every standing row's file there with the same
bytes, and no other file? It reads one SELECT, takes no lock and writes nothing. Where
others are at work on the same already, it waits for them a little and asks again
(`queue`). On anything else, whatever it is, it says nothing, and the ordinary path
starts from the beginning. ``ASYNCMIGRATE_FAST=0`` turns it off.
"""

from time import monotonic

from asyncmigrate._fast.request import Request, read_request

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Sequence

    from asyncmigrate._fast.wire import Conversation


_BESIDE = 0.001
"""Seconds that a server takes, at the least, to ask for our proof."""


class Look:
    """One look. What it leaves open is its place before the starts that come later."""

    def __init__(self) -> None:
        self._conversation: Conversation | None = None

    @property
    def keeps_a_place(self) -> bool:
        """Whether others see that we are about to work, until `leave`."""
        return self._conversation is not None

    def nothing_to_do(self, arguments: list[str]) -> Request | None:
        """The request, when it is certain that there is nothing to do for it."""
        try:
            request = read_request(arguments)
            if request is not None and self._finds_nothing(request):
                return request
        except Exception:  # noqa: BLE001 - whatever went wrong, the ordinary path tells it
            self.leave()
        return None

    def leave(self) -> None:
        """Give the connection back, and with it the place."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            try:  # noqa: SIM105 - contextlib costs 4 ms
                conversation.close(wait=True)
            except Exception:  # noqa: BLE001, S110 - it is gone, whatever way
                pass

    def _finds_nothing(self, request: Request) -> bool:
        from asyncmigrate._digests import PlainDirectory  # noqa: PLC0415 - only now

        directory = PlainDirectory(request.directory)
        if not directory.is_plain:
            return False
        from asyncmigrate._fast.wire import Conversation  # noqa: PLC0415 - only now

        self._conversation = conversation = Conversation(request)
        conversation.begin()
        # Files are hashed while the server makes a process for us, and while it answers.
        slices, until = directory.slices(), monotonic() + _BESIDE
        while monotonic() < until and next(slices, slices) is None:
            pass
        conversation.ask()
        for _ in slices:
            pass
        files = directory.digests()
        if files is not None and _is_settled(conversation, files, directory.keys):
            self._conversation = None
            conversation.close(wait=False)
            return True
        if files is None or not request.may_wait:
            self.leave()
        return False


def _is_settled(
    conversation: "Conversation", files: dict[str, str], keys: tuple[str, ...]
) -> bool:
    from asyncmigrate._database.settled import digests_of  # noqa: PLC0415 - only now

    def is_right(rows: "Sequence[Sequence[str | None]] | None") -> bool:
        return rows is not None and digests_of(rows, keys) == files

    if is_right(conversation.finish()):
        return True
    if not conversation.request.may_wait:
        return False
    from asyncmigrate._fast import queue  # noqa: PLC0415 - only now

    conversation.deadline = until = monotonic() + queue.PATIENCE
    return queue.wait_for_others(
        conversation.count_before_us,
        lambda: is_right(conversation.ask_again()),
        until,
    )


__all__ = ["Look", "Request"]
