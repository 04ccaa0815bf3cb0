"""Offsets in a text as people count them."""

import re
from bisect import bisect_right
from typing import Final

_LINE_END: Final = re.compile(r"\r\n?|\n")


def line_column(text: str, offset: int) -> tuple[int, int]:
    r"""Line and column of *offset*, both from 1, the column in characters.

    A line ends at ``\n``, ``\r\n`` or ``\r``.
    """
    return Lines(text)(offset)


class Lines:
    """`line_column` for many offsets of one text: the lines are looked for once."""

    __slots__ = ("_starts", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] = []

    def __call__(self, offset: int) -> tuple[int, int]:
        if not self._starts:
            ends = _LINE_END.finditer(self._text)
            self._starts = [0, *(end.end() for end in ends)]
        offset = max(0, min(offset, len(self._text)))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
