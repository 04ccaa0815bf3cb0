"""The fast look as a start of the command takes it, but for what comes after it."""

from asyncmigrate._fast import Look, Request


def nothing_to_do(arguments: list[str]) -> Request | None:
    look = Look()
    try:
        return look.nothing_to_do(arguments)
    finally:
        look.leave()
