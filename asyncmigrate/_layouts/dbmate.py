"""dbmate: ``20240101000000_name.sql`` with ``-- migrate:up`` and ``-- migrate:down``.

Files are ordered by their names as text, so the whole name is the identity; two with
the same digits are refused, as the tool's own table does. One transaction each; with
``transaction:false`` the block is sent as one query, and its own blocks count.
"""

import re
from functools import partial
from typing import Final, NamedTuple

from asyncmigrate._layouts.foreign import (
    OWN_BLOCKS,
    Half,
    Halves,
    Named,
    Naming,
    Texts,
    duplicates,
    samples,
    top_files,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Options, Problem, Version

_NAME: Final = re.compile(r"([0-9]+)(.*)\.sql", re.DOTALL)
_BLOCK: Final = re.compile(r"--\s*migrate:(up|down)(?:\s+(.*))?")
_MARK: Final = re.compile(r"^--\s*migrate:up\s", re.MULTILINE)


def recognises(listing: Listing) -> bool:
    """Whether a file holds the directive that every one must hold."""
    return any(_MARK.search(text + "\n") for text in samples(listing))


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, DBMATE.name)
    versions: list[tuple[str, str]] = []
    for file in top_files(naming, ".sql"):
        parsed = _NAME.fullmatch(file)
        if parsed is None:
            naming.stray(file, "20240101000000_name.sql")
            continue
        digits, rest = parsed.groups()
        versions.append((digits, file))
        version = Version(digits, f"name:{digits}{rest}")
        parse = partial(_parse, file)
        naming.named.append(Named(version, rest.lstrip("_"), (file,), parse))
    duplicates(naming, versions)
    return naming.found()


class _Block(NamedTuple):
    direction: str
    line: int
    """The first one behind the directive, from 0."""
    stop: int
    transaction: bool


def _parse(file: str, texts: Texts) -> Halves:
    lines = texts[file].split("\n")
    problems: list[Problem] = []
    blocks = _blocks(file, lines, problems)
    ups = [block for block in blocks if block.direction == "up"]
    downs = [block for block in blocks if block.direction == "down"]
    up = _half(file, lines, ups) if ups else Half(file, "")
    down = _half(file, lines, downs) if downs else None
    return Halves(up, down, problems)


def _blocks(file: str, lines: list[str], problems: list[Problem]) -> list[_Block]:
    """Cut a file at its directives."""

    def problem(line: int, message: str, hint: str) -> None:
        problems.append(Problem(message, file, line + 1, hint=hint))

    marks = [(at, _BLOCK.fullmatch(line)) for at, line in enumerate(lines)]
    found = [(at, mark) for at, mark in marks if mark]
    first = found[0][0] if found else len(lines)
    if not any(mark[1] == "up" for _, mark in found):
        problem(0, "there is no `-- migrate:up`", "write it above the statements")
    elif found[0][1][1] == "down":
        message = "`-- migrate:down` stands before `-- migrate:up`"
        problem(first, message, "put the up block first")
    for at, line in enumerate(lines[:first]):
        if found and line.strip() and not line.lstrip().startswith("--"):
            message = "SQL stands before `-- migrate:up`"
            problem(at, message, "move it below the directive")
            break
    blocks = []
    previous = ""
    for number, (at, mark) in enumerate(found):
        stop = found[number + 1][0] if number + 1 < len(found) else len(lines)
        if mark[1] == "down" == previous:
            message = "a second `-- migrate:down` for one `-- migrate:up`"
            problem(at, message, "put them into one block")
        previous = mark[1]
        transaction = "transaction:false" not in (mark[2] or "").split()
        blocks.append(_Block(mark[1], at + 1, stop, transaction))
    return blocks


def _half(file: str, lines: list[str], blocks: list[_Block]) -> Half:
    """One direction. Several blocks of it are a transaction each."""
    if len(blocks) == 1:
        (block,) = blocks
        text = "\n".join(lines[block.line : block.stop])
        options = Options() if block.transaction else OWN_BLOCKS
        return Half(file, text, block.line + 1, options)
    # Each directive's own line makes room for what its block is put between, so that
    # every other line stays where it is.
    first = blocks[0].line - 1
    kept = [""] * (blocks[-1].stop - first)
    for block in blocks:
        start = block.line - 1 - first
        kept[start] = ";COMMIT;BEGIN;" if block.transaction else ";COMMIT;"
        kept[start + 1 : block.stop - first] = lines[block.line : block.stop]
    return Half(file, "\n".join((*kept, ";COMMIT;")), first + 1, OWN_BLOCKS)


DBMATE: Final = Layout(
    name="dbmate",
    recognises=recognises,
    read=read,
    shape="`20240101000000_name.sql` with `-- migrate:up` and `-- migrate:down`",
    identity="the whole name, as text",
    transaction="one; `transaction:false`: the block's own blocks",
    recognised="by `-- migrate:up`",
)
