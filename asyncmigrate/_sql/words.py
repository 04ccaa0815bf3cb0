"""A statement's tokens, taken one by one, and the names among them."""

import re
import sys
from collections.abc import Iterator
from typing import Final

from asyncmigrate._sql.tokens import BLANKS, IGNORED, TokenKind, Unterminated, lex

Name = tuple[str, ...]
"""A possibly qualified name, its parts unquoted and folded as PostgreSQL does."""

_LOWER: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
)
_LONGEST_NAME: Final = 63
_WORD: Final = TokenKind.WORD
_HEAD: Final = re.compile(
    rf"((?:[A-Za-z_][A-Za-z0-9_]*+[{BLANKS}]++)++)(?=([0-9'\"(),;.*]|\Z)?+)"
)
"""Words with blanks alone between them, as nearly every statement begins: none of
them can be the prefix of a string. They are read at once rather than token by token.
Behind them, where it can be seen, that what comes next is no word."""
_END: Final = ("", "")
_ESCAPE: Final = r"(?:([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6})|(%s))"


class Words:
    """Reads forward through one statement; behind its end everything is empty."""

    __slots__ = ("_at", "_head", "_rest", "_seen")

    def __init__(self, text: str) -> None:
        self._at = 0
        self._seen: list[tuple[str, str]] = []
        self._head: int | None = None
        """How many words there are before anything else, where that is known."""
        start = 0
        if head := _HEAD.match(text):
            start = head.end()
            self._seen = [(_WORD, word) for word in head[1].split()]
            self._head = len(self._seen) if head[2] is not None else None
        self._rest = _meaningful(text, start)

    def _token(self, ahead: int = 0) -> tuple[str, str]:
        at, seen = self._at + ahead, self._seen
        while len(seen) <= at:
            token = next(self._rest, None)
            if token is None:
                return _END
            seen.append(token)
        return seen[at]

    def peek(self, ahead: int = 0) -> str:
        """See a coming token: a word in upper case, anything else as it is spelt."""
        kind, text = self._token(ahead)
        return text.upper() if kind is _WORD else text

    def next(self) -> str:
        """Take a token and return it as `peek` does."""
        word = self.peek()
        self._at += 1
        return word

    def skip(self, *words: str) -> bool:
        """Take these words if they are what comes; true if so."""
        for ahead, word in enumerate(words):
            if self.peek(ahead) != word:
                return False
        self._at += len(words)
        return True

    def skip_one_of(self, *words: str) -> bool:
        """Take one of these words if it comes; true if so."""
        return any(self.skip(word) for word in words)

    @property
    def ended(self) -> bool:
        """Nothing comes any more."""
        return self._token() == _END

    def leading(self, most: int) -> tuple[str, ...]:
        """Return the words that it begins with, up to anything else."""
        found: list[str] = []
        while len(found) != self._head and len(found) < most:
            kind, text = self._token(len(found) - self._at)
            if kind is not _WORD:
                break
            found.append(text.upper())
        return tuple(found)

    def identifier(self) -> str | None:
        """Take an identifier; None, and nothing is taken, when there is none."""
        kind, text = self._token()
        if kind is _WORD:
            self._at += 1
            return _truncated(text.translate(_LOWER))
        if kind is not TokenKind.IDENTIFIER:
            return None
        self._at += 1
        if text[0] == '"':
            return _truncated(text[1:-1].replace('""', '"'))
        escape = "\\"
        if self.peek() == "UESCAPE":
            self._at += 1
            escape = self.next()[1:-1] or escape
        return _truncated(_unescaped(text[3:-1].replace('""', '"'), escape))

    def name(self) -> Name | None:
        """Take a name with its qualifications."""
        part = self.identifier()
        if part is None:
            return None
        parts = [part]
        while self.peek() == ".":
            self._at += 1
            part = self.identifier()
            if part is None:
                break
            parts.append(part)
        return tuple(parts)

    def names(self) -> tuple[Name, ...]:
        """Take names separated by commas."""
        found: list[Name] = []
        while (name := self.name()) is not None:
            found.append(name)
            if not self.skip(","):
                break
        return tuple(found)

    def options(self) -> dict[str, str]:
        """Take a list of options in parentheses, if there is one.

        Keys are in lower case, values as `peek` spells them; no value is ``TRUE``.
        """
        found: dict[str, str] = {}
        if not self.skip("("):
            return found
        while not self.ended and not self.skip(")"):
            key, value, depth = self.next().lower(), [], 0
            while not self.ended and (depth or self.peek() not in {",", ")"}):
                word = self.next()
                depth += (word == "(") - (word == ")")
                value.append(word)
            self.skip(",")
            found[key] = " ".join(it for it in value if it != "=").strip("'") or "TRUE"
        return found


def is_false(value: str) -> bool:
    """Read an option's value as PostgreSQL's defGetBoolean does."""
    return value.upper() in {"FALSE", "OFF", "0"}


def _meaningful(text: str, start: int) -> Iterator[tuple[str, str]]:
    try:
        for token in lex(text, start):
            if token.kind not in IGNORED:
                yield token.kind, text[token.start : token.end]
    except Unterminated:
        return


def _truncated(name: str) -> str:
    data = name.encode("utf-8", "surrogatepass")
    if len(data) <= _LONGEST_NAME:
        return name
    return data[:_LONGEST_NAME].decode("utf-8", "ignore")


def _unescaped(text: str, escape: str) -> str:
    mark = re.escape(escape)

    def character(found: re.Match[str]) -> str:
        if found[3]:
            return escape
        code = int(found[1] or found[2], 16)
        return chr(code) if code <= sys.maxunicode else found[0]

    return re.sub(mark + _ESCAPE % mark, character, text)
