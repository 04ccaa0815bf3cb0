"""Checksums that carry their algorithm's name.

The raw one says whether a text is the one that was applied, the token one whether an
edit can have changed what it does. Both are over the normalised text, which is also
what runs. A change of the lexer that changes token checksums needs a new name.
"""

import hashlib
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from typing import Final

from asyncmigrate._sql.tokens import (
    BLANKS,
    IGNORED,
    TokenKind,
    Unterminated,
    tokens,
)

_LOWER: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
)
_LINE_END: Final = re.compile(r"\r\n?")
_LAYOUT: Final = frozenset({"COMMENT", "NL", "ENCODING"})
_UNSPELT: Final = frozenset({"NEWLINE", "INDENT", "DEDENT", "ENDMARKER"})


def normalise(text: str) -> str:
    """Drop a byte-order mark, end lines with LF, cut blank lines at both ends."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    body = text.lstrip(BLANKS)
    indent = text[: len(text) - len(body)].rpartition("\n")[2] if body else ""
    kept = body.rstrip(BLANKS)
    return indent + kept + body[len(kept) :].partition("\n")[0]


def raw_checksum(text: str) -> str:
    """Digest the normalised text."""
    return "sha256:" + hashlib.sha256(_bytes(normalise(text))).hexdigest()


def token_checksum(text: str) -> str:
    """Digest the text's PostgreSQL tokens, without comments and blanks.

    Unquoted words count as PostgreSQL folds them, everything else as it is spelt.
    A text that ends inside a quote has no tokens: it counts whole.
    """
    text = normalise(text)
    try:
        return _digest(_sql_tokens(text))
    except Unterminated:
        return _digest([("unreadable", text)])


def is_blank(text: str) -> bool:
    """Whether there is nothing in it but comments and blanks."""
    try:
        return next(_sql_tokens(text), None) is None
    except Unterminated:
        return False


def python_token_checksum(source: str) -> str:
    """Digest Python source's tokens, without comments and blank lines.

    The same for every version of Python: an f-string counts as one token, which it
    was until 3.11. Source that cannot be read counts whole.
    """
    source = normalise(source)
    try:
        return _digest(_python_tokens(source))
    except (tokenize.TokenError, SyntaxError, UnicodeEncodeError):
        return _digest([("unreadable", source)])


def _sql_tokens(text: str) -> Iterator[tuple[str, str]]:
    for kind, start, end in tokens(text):
        if kind is TokenKind.SPACE:
            continue
        if kind is TokenKind.WORD:
            word = text[start:end]
            yield "word", word if word.islower() else word.translate(_LOWER)
        elif kind is TokenKind.COPY_END:
            yield "copy end", "\\."
        elif kind is TokenKind.META_COMMAND:
            yield "meta-command", text[start:end].rstrip(BLANKS)
        elif kind not in IGNORED:
            yield kind, text[start:end]


def _python_tokens(source: str) -> Iterator[tuple[str, str]]:
    lines = list(io.StringIO(source))  # as tokenize counts them
    nested = 0
    opened = (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind.endswith("STRING_START"):
            opened = opened if nested else token.start
            nested += 1
        elif kind.endswith("STRING_END"):
            nested -= 1
            if not nested:
                yield "STRING", _between(lines, opened, token.end)
        elif not nested and kind not in _LAYOUT:
            yield kind, "" if kind in _UNSPELT else token.string


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    middle = lines[start[0] : end[0] - 1]
    first, last = lines[start[0] - 1][start[1] :], lines[end[0] - 1][: end[1]]
    return "".join((first, *middle, last))


def _digest(pieces: Iterable[tuple[str, str]]) -> str:
    # The length in front keeps two tokens from being read as one.
    counted = [f"{kind} {len(piece)} {piece}" for kind, piece in pieces]
    return f"tokens1:{hashlib.sha256(_bytes(''.join(counted))).hexdigest()}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
