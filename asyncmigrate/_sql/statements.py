"""A script's statements, each with its place in the text.

One compiled expression whose alternatives all begin with a literal jumps from one
character that can matter to the next, which is some twenty times faster than cutting
every token; only the few statements that can hold a semicolon, or that are followed
by data, are read token by token. Statements and the gaps between them are the text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from asyncmigrate._sql.nesting import Nesting
from asyncmigrate._sql.tokens import (
    BLANKS,
    DOLLAR_TAG,
    ESCAPED_REST,
    IDENT,
    IGNORED,
    TokenKind,
    Unterminated,
    block_comment_end,
    copy_data,
    dollar_end,
    lex,
    significant,
)

__all__ = ["Scan", "Statement", "Unterminated", "scan", "split"]


class Statement(NamedTuple):
    """One statement of a script, or one line of psql's."""

    text: str
    """From its first token to its last, without the semicolon."""
    start: int
    end: int
    stop: int
    """Behind the semicolon; with COPY data behind the line that ends them."""
    copy_data: tuple[int, int] | None = None
    """Where the data lines of COPY … FROM STDIN are, without the line that ends them."""
    meta_command: bool = False
    """A psql command: a backslash, to the end of its line."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What `scan` found."""

    statements: list[Statement]
    stopped_at: int
    """Where the comment begins at which it was told to stop, or the text's length."""


# Every alternative starts with a literal, so that the engine passes everything else
# with one character set: twenty times faster than token by token. A plain string takes
# along the plain ones that follow it and what is between them; '' is two side by side.
_PLAIN: Final = r"[^;'\"$\\/\-]*+"
_JUMP: Final = re.compile(
    "|".join(
        (
            r";",
            r"--[^\n\r]*+",
            rf"'(?<=[eE]')(?<![{IDENT}][eE]'){ESCAPED_REST}(?:'|\Z)",
            rf"'[^']*+(?:'(?:{_PLAIN}(?<![eE])'[^']*+')*+{_PLAIN}|\Z)",
            r'"[^"]*+(?:"|\Z)',
            r"/\*",
            rf"\$(?<![{IDENT}]\$)(?:{DOLLAR_TAG})?+",
            r"\$(?<=[0-9]\$)",
            r"\\[^\n\r]*+",
        )
    ),
    re.DOTALL,
)
_BLANK: Final = re.compile(rf"[{BLANKS}]*+")
_IDENT_CHARACTER: Final = re.compile(rf"[{IDENT}]")
_BETWEEN: Final = rf"[{BLANKS}]"
# Statements that may go on behind a semicolon, or be followed by data. A comment
# between the first words sends the statement the slow way, to be on the safe side.
_SPECIAL: Final = re.compile(
    rf"COPY(?![{IDENT}])"
    rf"|CREATE(?:{_BETWEEN}++OR)?+(?:{_BETWEEN}++REPLACE)?+{_BETWEEN}*+"
    rf"(?:--|/\*|(?<={_BETWEEN})(?:FUNCTION|PROCEDURE|RULE)(?![{IDENT}]))",
    re.IGNORECASE,
)
_HOLDS_MORE: Final = ("atomic", "rule", "stdin", "stdout")


def split(text: str) -> list[Statement]:
    """Find the statements of *text*; empty ones are dropped.

    Raises:
        Unterminated: something opened and never closed.
    """
    return scan(text).statements


def scan(
    text: str,
    start: int = 0,
    on_comment: Callable[[int, int], bool] | None = None,
) -> Scan:
    """Find the statements of *text* from *start* on.

    *on_comment* is shown every line comment, in order. When it returns true and the
    comment stands outside parentheses and bodies, the scan stops there.

    Raises:
        Unterminated: something opened and never closed.
    """
    scanner = _Scanner(text, start, on_comment)
    stopped_at = scanner.run()
    return Scan(scanner.statements, stopped_at)


class _Scanner:
    """One pass over a text. A method returns where to go on: at its end, to stop."""

    def __init__(
        self, text: str, start: int, on_comment: Callable[[int, int], bool] | None
    ) -> None:
        self.text = text
        self.on_comment = on_comment
        self.statements: list[Statement] = []
        self.stopped_at = len(text)
        self.comments: list[tuple[int, int]] = []
        """Those since `begin`."""
        self.nesting: Nesting | None = None
        """Of the statement under way, once a comment of interest made it follow."""
        self.followed = 0
        self.begin_at(1 if not start and text.startswith("\ufeff") else start)

    def begin_at(self, begin: int) -> None:
        """Forget the statement that ended before *begin*."""
        self.begin = begin
        if self.comments:
            self.comments = []
        self.nesting = None

    def run(self) -> int:
        text, search, first = self.text, _JUMP.search, ""
        keep = self.statements.append
        position = self.pass_touching(1) if self.begin == 1 else self.begin
        passed = position
        while found := search(text, position):
            at, position = found.span()
            first = text[at]
            if first in "'\"":
                passed = at  # and not its end, which may lie before a name
                continue
            if first == ";":
                start = self.first_token() if self.comments else _skip(text, self.begin)
                if text[start] in "cC" and self.goes_on(start, at):
                    passed = position = self.token_by_token(start, at)
                    continue
                piece = text[start:at].rstrip(BLANKS)
                if self.comments and self.comments[-1][1] >= start + len(piece):
                    self.add(at, position)
                elif piece:
                    keep(Statement(piece, start, start + len(piece), position))
                self.begin_at(position)
            elif first == "-":
                position = self.line_comment(at, position)
            elif first == "/":
                position = block_comment_end(text, at)
                self.comments.append((at, position))
            elif first == "$":
                position = self.dollar(at, position, passed)
            else:
                position = self.meta_command(at, position)
            passed = position
        if first and first in "'\"" and position == len(text):
            for _ in lex(text, self.begin):  # raises when the quote is open
                pass
        self.add(self.stopped_at, self.stopped_at)
        return self.stopped_at

    def goes_on(self, start: int, at: int) -> bool:
        """Whether the statement may hold the semicolon, or be followed by data."""
        if not _SPECIAL.match(self.text, start):
            return False
        head = self.text[start:at].lower()  # four times faster than ignoring case
        return any(word in head for word in _HOLDS_MORE)

    def first_token(self) -> int:
        start = _skip(self.text, self.begin)
        for opens, closes in self.comments:
            if opens != start:
                break
            start = _skip(self.text, closes)
        return start

    def add(self, end: int, stop: int, data: tuple[int, int] | None = None) -> None:
        """Keep the statement that ends before *end*, unless there is none."""
        text, comments = self.text, self.comments
        start = self.first_token()
        while start < end and text[end - 1] in BLANKS:
            end -= 1
        # Not ==: a line comment may itself end in blanks.
        while start < end and comments and comments[-1][1] >= end:
            end = comments.pop()[0]
            while start < end and text[end - 1] in BLANKS:
                end -= 1
        if start < end:
            self.statements.append(Statement(text[start:end], start, end, stop, data))
        self.begin_at(stop)

    def token_by_token(self, start: int, seen: int) -> int:
        """Follow the statement from *start*; comments before *seen* were shown."""
        text, nesting = self.text, Nesting()
        self.begin, self.comments = start, []
        for token in lex(text, start):
            if token.kind is TokenKind.LINE_COMMENT and token.start > seen:
                stops = self.shows(token.start, token.end) and nesting.at_top_level
                if stops:
                    self.stopped_at = token.start
                    return len(text)
            if token.kind in IGNORED:
                if token.kind is not TokenKind.SPACE:
                    self.comments.append((token.start, token.end))
            elif token.kind is TokenKind.META_COMMAND:
                return self.meta_command(token.start, token.end)
            elif nesting.feed(significant(text, token)):
                return self.ended(start, token.start, copies_in=nesting.copies_in)
        return len(text)

    def ended(self, start: int, at: int, *, copies_in: bool) -> int:
        if not copies_in:
            self.add(at, at + 1)
            return at + 1
        data = copy_data(self.text, at, start)
        self.add(at, data.stop, (data.start, data.end))
        return data.stop

    def line_comment(self, at: int, end: int) -> int:
        if self.shows(at, end) and self.at_top_level(at):
            self.stopped_at = at
            return len(self.text)
        self.comments.append((at, end))
        return end

    def at_top_level(self, at: int) -> bool:
        """Whether *at* is outside every parenthesis and body of its statement."""
        if self.first_token() == at:
            return True  # between two statements
        if self.nesting is None:
            self.nesting, self.followed = Nesting(), self.begin
        for token in lex(self.text, self.followed):  # pragma: no branch
            if token.start >= at:
                break
            if token.kind not in IGNORED:
                self.nesting.feed(significant(self.text, token))
        self.followed = at
        return self.nesting.at_top_level

    def shows(self, at: int, end: int) -> bool:
        return self.on_comment is not None and self.on_comment(at, end)

    def dollar(self, at: int, opened: int, passed: int) -> int:
        """Pass a dollar-quoted string, or what only looks like the start of one."""
        text = self.text
        if opened - at > 1:
            return self.pass_touching(dollar_end(text, at, opened))
        # A parameter, a stray character, part of an identifier that has digits in it,
        # or a string that touches a number: tokens tell.
        while at > passed and _IDENT_CHARACTER.match(text, at - 1):
            at -= 1
        end = at
        while end < opened:
            token = next(lex(text, end))
            end = token.end
            if token.kind is TokenKind.DOLLAR_STRING or token.kind is TokenKind.OTHER:
                return self.pass_touching(end)
        return end

    def pass_touching(self, position: int) -> int:
        """Pass what touches a string's end or the byte-order mark.

        The look-behinds would take both for one word.
        """
        while _IDENT_CHARACTER.match(self.text, position):
            token = next(lex(self.text, position))
            position = token.end
            if token.kind not in {TokenKind.DOLLAR_STRING, TokenKind.OTHER}:
                break
        return position

    def meta_command(self, at: int, end: int) -> int:
        self.add(at, at)
        line = self.text[at:end].rstrip(BLANKS)
        self.statements.append(
            Statement(line, at, at + len(line), end, meta_command=True)
        )
        self.begin_at(end)
        return end


def _skip(text: str, position: int) -> int:
    """Pass blanks."""
    found = _BLANK.match(text, position)
    return found.end() if found else position
