"""From the bytes of a file to its text, with the place of what is wrong in it."""

from typing import Final

from asyncmigrate._migration import Problem, Unreadable

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


def text_of(content: bytes, file: str) -> str:
    """Decode a file: UTF-8, without byte-order mark, its lines ended with LF.

    Raises:
        Unreadable: it is not UTF-8, or holds a NUL, which no PostgreSQL text can.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = _plain(content[: error.start].decode())
        hint = "save it as UTF-8"
        if content.startswith(_UTF_16):
            hint += "; it looks like UTF-16"
        wrong = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise Unreadable([_problem(wrong, file, before, hint)]) from error
    text = _plain(text)
    nul = text.find("\0")
    if nul >= 0:
        wrong = "a NUL byte, which PostgreSQL cannot store"
        raise Unreadable([_problem(wrong, file, text[:nul], "take it out")])
    return text


def _plain(text: str) -> str:
    text = text.removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _problem(message: str, file: str, before: str, hint: str) -> Problem:
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Problem(message, file, line, column, hint)
