"""From the files of one native migration to its `Definition`.

Loaded only when a migration has to be read: a directory that is up to date is never
parsed. All that is wrong with a migration is told at once.
"""

from functools import partial
from typing import NoReturn

from asyncmigrate._layouts.directives import options_of, stored_text
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._layouts.python import read_python
from asyncmigrate._layouts.texts import text_of
from asyncmigrate._migration import Definition, Part, Problem, Unreadable
from asyncmigrate._sql.checksum import (
    is_blank,
    normalise,
    raw_checksum,
    token_checksum,
)
from asyncmigrate._sql.sections import Section, Sections, read_sections
from asyncmigrate._sql.tokens import BLANKS

_SOMETHING = "\nSELECT 1;"
"""Behind a text of comments alone, so that its directives are read."""


def define_python(listing: Listing, file: str, digest: str) -> Definition:
    """Read a Python migration again, which must be what was listed."""
    return read_python(text_of(listing.read_again(file, digest), file), file)


def define_sql(listing: Listing, file: str, digest: str) -> Definition:
    """Read a file of sections again, which must be what was listed."""
    text = text_of(listing.read_again(file, digest), file)
    sections = read_sections(text)
    problems = _told(sections, file)
    up = _part(sections.up, file, text, problems) if sections.up else None
    down = _part(sections.down, file, text, problems) if sections.down else None
    irreversible = _irreversible(sections, file, text, problems)
    return _definition(up, down, file, problems, irreversible=irreversible)


def define_pair(
    listing: Listing, file: str, digest: str, down_file: str, down_digest: str
) -> Definition:
    """Read a pair of files again, which must be what was listed."""
    problems: list[Problem] = []
    up = _half(listing, file, digest, problems)
    down = _half(listing, down_file, down_digest, problems, optional=True)
    irreversible = False
    if down and is_blank(down.text):
        irreversible, down = down.options.irreversible, None
    return _definition(up, down, file, problems, irreversible=irreversible)


def define_up(listing: Listing, file: str, digest: str) -> Definition:
    """Read the UP file of a pair that has no other, which must be what was listed."""
    problems: list[Problem] = []
    up = _half(listing, file, digest, problems)
    return _definition(up, None, file, problems, irreversible=False)


def _half(
    listing: Listing,
    file: str,
    digest: str,
    problems: list[Problem],
    *,
    optional: bool = False,
) -> Part | None:
    """Read one file of a pair: one section, without markers."""
    try:
        text = text_of(listing.read_again(file, digest), file)
    except Unreadable as error:
        problems += error.problems
        return None
    read = text
    if optional and is_blank(text):
        read += _SOMETHING
    sections = read_sections(read)
    problems += _told(sections, file)
    if sections.up is None or sections.up.offset or len(sections.up.text) != len(read):
        message = "a file of a pair holds no `-- UP` or `-- DOWN`"
        hint = "take the marker out: the name of the file says which one it is"
        problems.append(Problem(message, file, hint=hint))
        return None
    return _part(sections.up, file, read, problems, text)


def _told(sections: Sections, file: str) -> list[Problem]:
    return [Problem(p.message, file, p.line, p.column) for p in sections.problems]


def _part(
    section: Section,
    file: str,
    text: str,
    problems: list[Problem],
    body: str | None = None,
) -> Part:
    """Cut the section's blank lines; its line is that of what is left."""
    options, wrong = options_of(section, file)
    problems += (problem for problem in wrong if problem not in problems)
    body = section.text if body is None else body
    blank = len(body) - len(body.lstrip(BLANKS))
    return Part(
        text=normalise(body),
        file=file,
        line=text.count("\n", 0, section.offset + blank) + 1,
        options=options,
    )


def _irreversible(
    sections: Sections, file: str, text: str, problems: list[Problem]
) -> bool:
    """Whether the directives under a DOWN without a statement say so."""
    up = sections.up
    if sections.down or up is None or up.offset + len(up.text) == len(text):
        return False
    again = read_sections(text + _SOMETHING).down
    if again is None:  # a DOWN in front of the UP
        return False
    options, wrong = options_of(again, file)
    problems += (problem for problem in wrong if problem not in problems)
    return options.irreversible


def _definition(
    up: Part | None,
    down: Part | None,
    file: str,
    problems: list[Problem],
    *,
    irreversible: bool,
) -> Definition:
    irreversible = irreversible or bool(up and up.options.irreversible)
    if down and (irreversible or down.options.irreversible):
        message = "the migration is called irreversible, and has a DOWN"
        hint = "take out the DOWN, or `irreversible`"
        problems.append(Problem(message, down.file, down.line, hint=hint))
    if up is None or problems:
        _refuse(problems, file)
    return Definition(
        up=up,
        down=down,
        checksum=raw_checksum(up.text),
        tokens=partial(token_checksum, up.text),
        down_checksum=raw_checksum(stored_text(down)) if down else None,
        irreversible=irreversible,
    )


def _refuse(problems: list[Problem], file: str) -> NoReturn:
    raise Unreadable(
        sorted(problems, key=lambda p: (p.file, p.line or 0, p.column or 0))
        or [Problem("there is no UP", file, hint="write `SELECT 1;` on purpose")]
    )
