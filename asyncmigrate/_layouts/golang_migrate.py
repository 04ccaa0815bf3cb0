"""golang-migrate: a pair of files for each number, ``1_name.up.sql``.

The number alone is the identity. The tool opens no transaction and sends a file as
one query, so the file's own blocks count. A number may have one file of the two.
Tools that came after it write the same names and mean all of it: there several files
have one number, and the whole name is the identity.
"""

import re
from functools import partial
from typing import Final

from asyncmigrate._layouts.foreign import (
    OWN_BLOCKS,
    Half,
    Halves,
    Named,
    Naming,
    Texts,
    numbered,
    top_files,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Version

_NAME: Final = re.compile(r"([0-9]+)_(.*)\.(up|down)\.(.*)", re.DOTALL)
_SHAPE: Final = "1_name.up.sql"
_SQL: Final = ".sql"


def recognises(listing: Listing) -> bool:  # noqa: ARG001 - of the protocol
    """Never: its files could as well be pairs of our own, or of sqlx."""
    return False


def read(listing: Listing, *, by_name: bool = False) -> Found:
    """Name and digest every migration, one for each number or for each whole name."""
    naming = Naming(listing, (BY_NAME if by_name else GOLANG_MIGRATE).name)
    halves: dict[str, dict[str, tuple[str, Version, str]]] = {}
    for file in _candidates(naming):
        parsed = _NAME.fullmatch(file)
        if parsed is None:
            naming.stray(file, _SHAPE)
            continue
        text, name, direction, ending = parsed.groups()
        if ending.lower() != _SQL[1:]:
            naming.language(file, "Go" if ending == "go" else f"`.{ending}`")
            continue
        version = _whole(text, name) if by_name else numbered(text)
        pair = halves.setdefault(version.key, {})
        if direction in pair:
            naming.refuse(
                file,
                f"`{pair[direction][0]}` and `{file}` have one version, {text}",
                "renumber the one that is not applied yet; where the tool takes the"
                f" whole name for the version, name the layout `{BY_NAME.name}`",
            )
            continue
        pair[direction] = (file, version, name)
    for pair in halves.values():
        up, down = pair.get("up"), pair.get("down")
        main = up or down
        assert main is not None  # noqa: S101 - one of the two made the entry
        files = tuple(each[0] for each in (up, down) if each)
        parse = partial(_parse, up[0] if up else None, down[0] if down else None)
        naming.named.append(Named(main[1], main[2], files, parse))
    return naming.found()


def _candidates(naming: Naming) -> list[str]:
    """SQL at the top, and what else is named as the tool would run it."""
    top = top_files(naming, _SQL)
    return top + [
        file
        for file in naming.listing.files
        if "/" not in file and file not in top and _NAME.fullmatch(file)
    ]


def _whole(text: str, name: str) -> Version:
    return Version(f"{text}_{name}", f"{numbered(text).key}:{name}")


def _parse(up: str | None, down: str | None, texts: Texts) -> Halves:
    undo = Half(down, texts[down], options=OWN_BLOCKS) if down else None
    if up is None:
        return Halves(Half(down or "", "", options=OWN_BLOCKS), undo)
    return Halves(Half(up, texts[up], options=OWN_BLOCKS), undo)


GOLANG_MIGRATE: Final = Layout(
    name="golang-migrate",
    recognises=recognises,
    read=read,
    shape="`1_name.up.sql`, `1_name.down.sql`",
    identity="the number",
    transaction="the file's own blocks",
    recognised="by `format` alone: the names are those of our own pairs",
)
BY_NAME: Final = Layout(
    name="golang-migrate-names",
    recognises=recognises,
    read=partial(read, by_name=True),
    shape="the same, of a tool that allows one number in several names",
    identity="the whole name, by its number first",
    transaction="the file's own blocks",
    recognised="by `format` alone",
)
