"""Which semicolon ends a statement, told from its words and parentheses.

Two statements hold others: a routine whose body is ``BEGIN ATOMIC … END``, and a
rule with a list of actions in parentheses. In a body, END closes only where a
statement would begin: everywhere else PostgreSQL reads it as a CASE's end or a label.
Nothing here reads text; that is `tokens` and `statements`.
"""

from dataclasses import dataclass
from typing import Final, Literal

_Mode = Literal["fresh", "create", "plain", "routine", "rule", "copy"]

_AFTER_CREATE: Final[dict[str, _Mode]] = {
    "OR": "create",
    "REPLACE": "create",
    "FUNCTION": "routine",
    "PROCEDURE": "routine",
    "RULE": "rule",
}
_STREAMS: Final = frozenset({"STDIN", "STDOUT"})


@dataclass(slots=True)
class _Frame:
    """One statement that has begun and not ended."""

    mode: _Mode = "fresh"
    depth: int = 0
    previous: str = ""
    had_body: bool = False
    copies_in: bool = False


class Nesting:
    """Follows one script, word by word."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames = [_Frame()]

    @property
    def copies_in(self) -> bool:
        """The statement so far is COPY … FROM STDIN: data follow its semicolon."""
        # FROM STDOUT is the same to PostgreSQL's grammar.
        return self._frames[0].copies_in

    @property
    def at_top_level(self) -> bool:
        """Outside every parenthesis and every routine's body."""
        return len(self._frames) == 1 and not self._frames[0].depth

    def feed(self, word: str) -> bool:
        """Take the next token; true when it is the semicolon that ends the statement.

        *word* is a word in upper case, a parenthesis, a semicolon, or empty for any
        other token. Comments and blanks are left out.
        """
        frame = self._frames[-1]
        if word == ";":
            return self._semicolon(frame)
        if frame.mode == "fresh" and word == "END" and len(self._frames) > 1:
            self._frames.pop()
            return False
        if frame.mode in {"fresh", "create"}:
            frame.mode = _next_mode(frame.mode, word)
        if word == "(":
            frame.depth += 1
        elif word == ")":
            frame.depth = max(0, frame.depth - 1)
        elif frame.mode == "copy" and not frame.depth and frame.previous == "FROM":
            frame.copies_in = frame.copies_in or word in _STREAMS
        elif word == "ATOMIC" and _opens_body(frame):
            frame.had_body = True
            self._frames.append(_Frame())
        frame.previous = word
        return False

    def _semicolon(self, frame: _Frame) -> bool:
        if frame.mode == "rule" and frame.depth:
            frame.previous = ""
            return False
        if len(self._frames) == 1:
            return True
        self._frames[-1] = _Frame()
        return False


def _next_mode(mode: _Mode, word: str) -> _Mode:
    if mode == "create":
        return _AFTER_CREATE.get(word, "plain")
    if word == "CREATE":
        return "create"
    return "copy" if word == "COPY" else "plain"


def _opens_body(frame: _Frame) -> bool:
    return (
        frame.mode == "routine"
        and not frame.depth
        and frame.previous == "BEGIN"
        and not frame.had_body
    )
