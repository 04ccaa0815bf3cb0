"""graphile-migrate: ``committed/000001-name.sql``, each with its hash in its header.

The number alone is the identity. The header's hash covers the text and the hash
before it, so that an edit, or a file out of order, is refused as the tool refuses it.
One transaction each; with ``--! no-transaction`` in the first line the file's own
blocks count. Placeholders (``:NAME``) are filled in before a run. It has no DOWN.
``current.sql`` is work in progress, and not applied.
"""

import re
from functools import partial
from hashlib import sha1
from typing import Final, NamedTuple

from asyncmigrate._layouts.foreign import (
    OWN_BLOCKS,
    Half,
    Halves,
    Named,
    Naming,
    Texts,
    numbered,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Options, Problem, Unreadable

_COMMITTED: Final = "committed/"
_NAME: Final = re.compile(r"([0-9]+)(?:-([-_a-zA-Z0-9]*))?\.sql")
_HEADER: Final = re.compile(r"--! ([A-Z][a-zA-Z0-9_]*)(?::(.*))?")
_ALONE: Final = re.compile(r"--!\s*no-transaction\b")
_PLACEHOLDER: Final = re.compile(r":[A-Z][0-9A-Z_]+\b")


class _Header(NamedTuple):
    values: dict[str, str]
    lines: int


def recognises(listing: Listing) -> bool:
    """Whether the first committed file begins with the header that each must have."""
    for file in listing.files:
        folder, _, name = file.rpartition("/")
        if f"{folder}/" in {"/", _COMMITTED} and _NAME.fullmatch(name):
            try:
                return (
                    listing.read(file).lstrip(b"\xef\xbb\xbf").startswith(b"--! Prev")
                )
            except Unreadable:
                return False
    return False


def read(listing: Listing) -> Found:
    """Name and digest every committed migration."""
    naming = Naming(listing, GRAPHILE_MIGRATE.name)
    folder = _COMMITTED if any(map(_is_committed, listing.files)) else ""
    previous: str | None = None
    for file in listing.files:
        name = file.removeprefix(folder)
        if not file.startswith(folder) or "/" in name or not name.endswith(".sql"):
            _uncommitted(naming, file)
            continue
        parsed = _NAME.fullmatch(name)
        if parsed is None:
            naming.stray(file, "000001-name.sql")
            continue
        parse = partial(_parse, listing, file, previous)
        version = numbered(parsed[1])
        naming.named.append(Named(version, parsed[2] or "", (file,), parse))
        previous = file
    return naming.found()


def _is_committed(file: str) -> bool:
    return file.startswith(_COMMITTED)


def _uncommitted(naming: Naming, file: str) -> None:
    """Say that work in progress is not applied, where there is some."""
    if file != "current.sql" and not file.startswith("current/"):
        return
    try:
        lines = naming.listing.read(file).decode(errors="replace").splitlines()
    except Unreadable as error:
        naming.problems += error.problems
        return
    if any(line.strip() and not line.lstrip().startswith("--") for line in lines):
        naming.warnings.append(f"{file} is not committed, so it is not applied")


def _parse(listing: Listing, file: str, previous: str | None, texts: Texts) -> Halves:
    text = texts[file]
    header = _header(text)
    lines = text.split("\n")
    body = "\n".join(lines[header.lines :])
    halves = Halves(Half(file, body, header.lines + 1, _options(body)))
    if "Hash" not in header.values or "Previous" not in header.values:
        message = "the header with `--! Previous:` and `--! Hash:` is not there"
        hint = "commit it with the tool: `graphile-migrate commit`"
        halves.problems.append(Problem(message, file, 1, hint=hint))
        return halves
    before = header.values["Previous"].removeprefix("-")
    expected = _hash_in(listing, previous) if previous else ""
    if before != expected:
        message = (
            f"it does not follow {previous}" if previous else "it is not the first"
        )
        hint = "put the files back in the order in which they were committed"
        halves.problems.append(
            Problem(f"{message}: its `--! Previous:` says so", file, 1, hint=hint)
        )
    same = header.values["Hash"] == _hash(body, before)
    if same == ("AllowInvalidHash" in header.values):
        message = "its text is not the one of its `--! Hash:`: it was edited"
        hint = "put the old text back, and write what is new into a new migration"
        if same:
            message = "`--! AllowInvalidHash` stands there, and the hash is right"
            hint = "take the line out"
        halves.problems.append(Problem(message, file, 2, hint=hint))
    return halves


def _options(body: str) -> Options:
    text = body.strip()
    fills = "graphile" if _PLACEHOLDER.search(text) else None
    blocks = OWN_BLOCKS.blocks if _ALONE.match(text) else False
    return Options(blocks=blocks, placeholders=fills)


def _hash_in(listing: Listing, file: str) -> str:
    text = listing.read(file).decode(errors="replace").removeprefix("\ufeff")
    return _header(text.replace("\r\n", "\n")).values.get("Hash", "")


def _header(text: str) -> _Header:
    values: dict[str, str] = {}
    for number, line in enumerate(text.split("\n")):
        found = _HEADER.fullmatch(line)
        if found is None:
            return _Header(values, number)
        values[found[1]] = (found[2] or "").strip()
    return _Header(values, len(values))


def _hash(body: str, previous: str) -> str:
    hashed = f"{previous}\n{body.strip()}".strip() + "\n"
    return f"sha1:{sha1(hashed.encode(), usedforsecurity=False).hexdigest()}"


GRAPHILE_MIGRATE: Final = Layout(
    name="graphile-migrate",
    recognises=recognises,
    read=read,
    shape="`committed/000001-name.sql`",
    identity="the number",
    transaction="one; `--! no-transaction`: the file's own blocks",
    recognised="by the header `--! Previous:`",
)
