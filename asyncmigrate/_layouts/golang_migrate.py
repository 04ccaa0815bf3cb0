"""golang-migrate: a pair of files for each number, ``1_name.up.sql``.

The number alone is the identity. The tool opens no transaction and sends a file as
one query, so the file's own blocks count. A number may have one file of the two.
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

_NAME: Final = re.compile(r"([0-9]+)_(.*)\.(up|down)\.(.*)", re.DOTALL)
_SHAPE: Final = "1_name.up.sql"


def recognises(listing: Listing) -> bool:  # noqa: ARG001 - of the protocol
    """Never: its files could as well be pairs of our own, or of sqlx."""
    return False


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, GOLANG_MIGRATE.name)
    halves: dict[str, dict[str, tuple[str, str, str]]] = {}
    for file in top_files(naming, ".sql"):
        parsed = _NAME.fullmatch(file)
        if parsed is None:
            naming.stray(file, _SHAPE)
            continue
        text, name, direction, _ = parsed.groups()
        pair = halves.setdefault(numbered(text).key, {})
        if direction in pair:
            naming.refuse(
                file,
                f"`{pair[direction][0]}` and `{file}` have one version, {text}",
                "renumber the one that is not applied yet",
            )
            continue
        pair[direction] = (file, text, name)
    for pair in halves.values():
        up, down = pair.get("up"), pair.get("down")
        main = up or down
        assert main is not None  # noqa: S101 - one of the two made the entry
        files = tuple(each[0] for each in (up, down) if each)
        parse = partial(_parse, up[0] if up else None, down[0] if down else None)
        naming.named.append(Named(numbered(main[1]), main[2], files, parse))
    return naming.found()


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
