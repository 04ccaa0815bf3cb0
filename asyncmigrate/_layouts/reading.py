"""From the two directions of another tool's migration to its `Definition`.

Loaded only when a migration has to be read.
"""

from functools import partial

from asyncmigrate._layouts.directives import stored_text
from asyncmigrate._layouts.halves import Half, Halves
from asyncmigrate._migration import Definition, Part, Problem, Unreadable
from asyncmigrate._sql.checksum import (
    is_blank,
    normalise,
    raw_checksum,
    token_checksum,
)
from asyncmigrate._sql.position import line_column
from asyncmigrate._sql.tokens import BLANKS, TokenKind, Unterminated, tokens


def build(halves: Halves) -> Definition:
    """Hash the texts, and refuse what only a template engine understands.

    Raises:
        Unreadable: with every problem of the migration.
    """
    up, down = halves.up, halves.down
    warnings = list(halves.warnings)
    problems = halves.problems + _templates(up)
    if down and is_blank(down.text):
        down = None
    elif down:
        problems += _templates(down)
    if problems:
        raise Unreadable(
            sorted(problems, key=lambda p: (p.file, p.line or 0, p.column or 0))
        )
    if is_blank(up.text):
        warnings.append(f"{up.file} has no statement; it is applied all the same")
    part = _part(up)
    undo = _part(down) if down else None
    return Definition(
        up=part,
        down=undo,
        checksum=raw_checksum(part.text),
        tokens=partial(token_checksum, part.text),
        down_checksum=raw_checksum(stored_text(undo)) if undo else None,
        warnings=tuple(warnings),
    )


def _part(half: Half) -> Part:
    """Cut the blank lines at both ends; the line is that of what is left."""
    blank = half.text[: len(half.text) - len(half.text.lstrip(BLANKS))]
    return Part(
        text=normalise(half.text),
        file=half.file,
        line=half.line + blank.count("\n"),
        options=half.options,
    )


def _templates(half: Half) -> list[Problem]:
    """Find ``{{ … }}`` and ``${…}`` outside quotes: no SQL, so somebody else's."""
    openings = ["{{"] if half.options.placeholders else ["{{", "${"]
    if not any(opening in half.text for opening in openings):
        return []
    problems = []
    end = 0
    try:
        for kind, start, _ in tokens(half.text):
            if kind is not TokenKind.OTHER or start < end:
                continue
            for opening in openings:
                if half.text.startswith(opening, start):
                    end = start + len(opening)
                    problems.append(_template(half, start))
    except Unterminated:
        pass  # told when the script is read
    return problems


def variables(half: Half) -> list[Problem]:
    """Find psql's variables, ``:name`` and ``:'name'``, which psql alone fills in."""
    problems = []
    depth, colon = 0, -1
    try:
        for kind, start, end in tokens(half.text):
            sign = half.text[start:end] if kind is TokenKind.PUNCTUATION else ""
            depth += (sign == "[") - (sign == "]")
            if start == colon and kind in _NAMES and not depth:
                line, column = line_column(half.text, start - 1)
                problems.append(
                    Problem(
                        f"`{half.text[start - 1 : end]}` is a variable of psql",
                        half.file,
                        half.line + line - 1,
                        column,
                        hint="write out what it stands for: migrations are never"
                        " handed to psql",
                    )
                )
            colon = end if sign == ":" else -1
    except Unterminated:
        pass  # told when the script is read
    return problems


_NAMES = frozenset({TokenKind.WORD, TokenKind.STRING, TokenKind.IDENTIFIER})


def _template(half: Half, start: int) -> Problem:
    line, column = line_column(half.text, start)
    shown = half.text[start:].partition("\n")[0].partition("}")[0][:40]
    closing = "}}" if shown.startswith("{{") else "}"
    return Problem(
        f"`{shown}{closing}` is a template, which this layout does not fill in",
        half.file,
        half.line + line - 1,
        column,
        hint="write out what it stands for",
    )
