"""PostgreSQL's lexer: every character of a text belongs to exactly one token.

The rules are those of the server's scan.l with ``standard_conforming_strings`` on,
its default. A string that continues on the next line is one token, and a trailing
``+`` or ``-`` leaves an operator as it does there. Numbers with letters behind them,
which newer servers refuse, are one token. What a token means is not asked here.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from asyncmigrate._sql.nesting import Nesting

BLANKS: Final = " \t\n\r\f\v"
# What an identifier is made of, by what it is not: every character above ASCII may be
# in one, and a class that names them takes ten times as long to compile.
IDENT_START: Final = r"^\x00-@\[-^`{-\x7f"
IDENT: Final = r"^\x00-#%-/:-@\[-^`{-\x7f"
DOLLAR_TAG: Final = rf"(?:[{IDENT_START}][^\x00-/:-@\[-^`{{-\x7f]*+)?\$"

_LINE_COMMENT: Final = r"--[^\n\r]*+"
# After a string's closing quote: blanks and line comments with at least one line's
# end among them, then another quote, continue the same string in the same mode.
_CONTINUED: Final = (
    rf"'(?:[ \t\f\v]|{_LINE_COMMENT})*+[\n\r]"
    rf"(?:[{BLANKS}]++|{_LINE_COMMENT}[\n\r])*+'"
)
_BODY: Final = r"(?:[^']++|'')*+"
_ESCAPED_BODY: Final = r"(?:[^'\\]++|\\.?+|'')*+"
# `.` needs DOTALL in every pattern that uses these two; they begin behind the quote.
STRING_REST: Final = rf"{_BODY}(?:{_CONTINUED}{_BODY})*+"
ESCAPED_REST: Final = rf"{_ESCAPED_BODY}(?:{_CONTINUED}{_ESCAPED_BODY})*+"

_DIGITS: Final = r"[0-9](?:_?[0-9])*+"
_NUMBER: Final = (
    r"(?:0[xX](?:_?[0-9A-Fa-f])++|0[oO](?:_?[0-7])++|0[bB](?:_?[01])++"
    rf"|(?:{_DIGITS}(?:\.(?!\.)(?:{_DIGITS})?+)?+|\.{_DIGITS})"
    rf"(?:[eE][+-]?{_DIGITS})?+)"
)
_JUNK: Final = rf"(?:(?<!\.)[{IDENT_START}][{IDENT}]*+)?+"


class TokenKind(StrEnum):
    """What a token is."""

    SPACE = "space"
    WORD = "word"
    PUNCTUATION = "punctuation"
    STRING = "string"
    NUMBER = "number"
    OPERATOR = "operator"
    IDENTIFIER = "identifier"
    """A quoted one; unquoted identifiers are words."""
    LINE_COMMENT = "line comment"
    BLOCK_COMMENT = "block comment"
    DOLLAR_STRING = "dollar string"
    PARAMETER = "parameter"
    META_COMMAND = "meta-command"
    """A backslash outside quotes, to the end of its line: psql's, never SQL."""
    COPY_DATA = "copy data"
    COPY_END = "copy end"
    OTHER = "other"
    """A character that PostgreSQL has no use for."""


class Token(NamedTuple):
    """One token of a text."""

    kind: TokenKind
    start: int
    end: int


class Unterminated(ValueError):
    """A construct that the text does not close."""

    def __init__(self, *, what: str, offset: int) -> None:
        super().__init__(f"unterminated {what}")
        self.what = what
        """string, comment, dollar quote, quoted identifier or COPY data."""
        self.offset = offset
        """Where it opens; of COPY data, where its statement begins."""


IGNORED: Final = frozenset(
    {TokenKind.SPACE, TokenKind.LINE_COMMENT, TokenKind.BLOCK_COMMENT}
)
"""The kinds that mean nothing to the server."""

_ESCAPED: Final = rf"[eE]'{ESCAPED_REST}"
_PLAIN: Final = rf"(?:[bBxXnN]|[uU]&)?'{STRING_REST}"
_QUOTED: Final = r'(?:[uU]&)?"(?:[^"]++|"")*+'
_ALTERNATIVES: Final = (
    (TokenKind.SPACE, rf"[{BLANKS}]++"),
    (TokenKind.STRING, rf"(?:{_ESCAPED}|{_PLAIN})(?:'|\Z)"),
    (TokenKind.IDENTIFIER, rf'{_QUOTED}(?:"|\Z)'),
    (TokenKind.WORD, rf"[{IDENT_START}][{IDENT}]*+"),
    (TokenKind.NUMBER, _NUMBER + _JUNK),
    (TokenKind.PUNCTUATION, r"::|:=|\.\.|[,()\[\].;:]"),
    (TokenKind.LINE_COMMENT, _LINE_COMMENT),
    (TokenKind.BLOCK_COMMENT, r"/\*"),
    (TokenKind.OPERATOR, r"[~!@#^&|`?+\-*/%<>=]++"),
    (TokenKind.DOLLAR_STRING, rf"\${DOLLAR_TAG}"),
    (TokenKind.PARAMETER, rf"\$[0-9]++{_JUNK}"),
    (TokenKind.META_COMMAND, r"\\[^\n\r]*+"),
    (TokenKind.OTHER, r"."),
)
_KINDS: Final = (TokenKind.OTHER, *(kind for kind, _ in _ALTERNATIVES))
_TOKEN: Final = re.compile("|".join(f"({it})" for _, it in _ALTERNATIVES), re.DOTALL)
_CLOSED: Final = {
    TokenKind.STRING: re.compile(rf"(?:{_ESCAPED}|{_PLAIN})'", re.DOTALL),
    TokenKind.IDENTIFIER: re.compile(rf'{_QUOTED}"'),
}
_WHAT: Final = {
    TokenKind.STRING: "string",
    TokenKind.IDENTIFIER: "quoted identifier",
}
_SIMPLE: Final = frozenset(
    number
    for number, kind in enumerate(_KINDS)
    if kind in {"space", "word", "punctuation", "line comment"}
)
"""The kinds that end where the expression ends, by number: an enum hashes slowly."""
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_DECIDES_OPERATOR: Final = re.compile(r"[~!@#^&|`?%]")
_COMMENT_OPENS: Final = re.compile(r"/\*|--")
_LINE_END: Final = re.compile(r"\r\n?|\n")


def lex(text: str, start: int = 0) -> Iterator[Token]:
    """Cut *text* from *start* into tokens; COPY data are read as if they were SQL.

    Raises:
        Unterminated: something opened and never closed; all before it was given out.
    """
    size = len(text)
    position = start
    if not start and text.startswith("\ufeff"):
        position = 1
        yield Token(TokenKind.SPACE, 0, 1)
    match = _TOKEN.match
    made = tuple.__new__  # half of what the class's own constructor takes
    while found := match(text, position):
        at, position = found.span()
        number = found.lastindex or 0
        kind = _KINDS[number]
        if number in _SIMPLE:
            yield made(Token, (kind, at, position))
            continue
        if kind is TokenKind.OPERATOR:
            position = at
            for end in _operator_ends(text[at : found.end()], at):
                yield Token(kind, position, end)
                position = end
            continue
        if kind is TokenKind.BLOCK_COMMENT:
            position = block_comment_end(text, at)
        elif kind is TokenKind.DOLLAR_STRING:
            position = dollar_end(text, at, position)
        elif position == size and kind in _CLOSED:
            closed = _CLOSED[kind].match(text, at)
            if closed is None:
                raise Unterminated(what=_WHAT[kind], offset=at)
        yield Token(kind, at, position)


def block_comment_end(text: str, at: int) -> int:
    """Find the end of the comment that opens at *at*; such comments nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge.group() == "/*" else -1
        if not depth:
            return edge.end()
    raise Unterminated(what="comment", offset=at)


def dollar_end(text: str, at: int, opened: int) -> int:
    """Find the end of the dollar-quoted string whose opening is at:opened."""
    delimiter = text[at:opened]
    closing = text.find(delimiter, opened)
    if closing < 0:
        raise Unterminated(what="dollar quote", offset=at)
    return closing + len(delimiter)


def _operator_ends(run: str, offset: int) -> list[int]:
    """Where the operators in a run of operator characters end.

    A comment's opening ends the run. Without one of the deciding characters an
    operator does not end in plus or minus, so that ``a=-1`` is ``a = - 1``.
    """
    opening = _COMMENT_OPENS.search(run)
    size = opening.start() if opening else len(run)
    if _DECIDES_OPERATOR.search(run, 0, size):
        return [offset + size]
    first = max(1, len(run[:size].rstrip("+-")))
    return list(range(offset + first, offset + size + 1))


class CopyData(NamedTuple):
    """Where the data of a COPY … FROM STDIN are."""

    start: int
    end: int
    """Where the line that ends the data begins."""
    stop: int
    """Behind that line."""


def copy_data(text: str, semicolon: int, statement: int) -> CopyData:
    r"""Find the lines from behind the semicolon's line to the line ``\.``.

    Raises:
        Unterminated: there is no such line.
    """
    line_end = _LINE_END.search(text, semicolon)
    at = start = line_end.end() if line_end else len(text)
    while (at := text.find("\\.", at)) >= 0:
        after = at + 2
        if text[at - 1] in "\n\r" and text[after : after + 1] in {"", "\n", "\r"}:
            ending = _LINE_END.match(text, after)
            return CopyData(start, at, ending.end() if ending else after)
        at = after
    raise Unterminated(what="COPY data", offset=statement)


def significant(text: str, token: Token) -> str:
    """Word the token as `Nesting` takes it."""
    if token.kind is TokenKind.WORD:
        return text[token.start : token.end].upper()
    if token.kind is TokenKind.PUNCTUATION:
        return text[token.start : token.end]
    return ""


def tokens(text: str) -> Iterator[Token]:
    """Cut the whole script into tokens: put together they are the text.

    Raises:
        Unterminated: something opened and never closed; all before it was given out.
    """
    # Only COPY's data are not SQL; without them nesting has no say in what is a token.
    folded = text.lower()
    if "stdin" not in folded and "stdout" not in folded:
        yield from lex(text)
        return
    position = 0
    while position < len(text):
        nesting = Nesting()
        start = -1
        for token in lex(text, position):
            yield token
            position = token.end
            if token.kind in IGNORED:
                continue
            start = token.start if start < 0 else start
            ended = nesting.feed(significant(text, token))
            if ended and nesting.copies_in:
                data = copy_data(text, token.start, start)
                yield from _until_data(text, token.end, data.start)
                yield Token(TokenKind.COPY_DATA, data.start, data.end)
                yield Token(TokenKind.COPY_END, data.end, data.stop)
                position = data.stop
            if ended or token.kind is TokenKind.META_COMMAND:
                break


def _until_data(text: str, start: int, stop: int) -> list[Token]:
    """Lex the rest of the line on which COPY … FROM STDIN ends; data close nothing."""
    try:
        return list(lex(text[:stop], start))
    except Unterminated:
        return [Token(TokenKind.OTHER, start, stop)]
