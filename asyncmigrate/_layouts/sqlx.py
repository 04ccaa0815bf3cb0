"""sqlx: ``1_name.sql``, or a pair ``1_name.up.sql`` and ``1_name.down.sql``.

The number alone is the identity. One transaction each, unless the file begins with
``-- no-transaction``: then it is sent as one query, and its own blocks count.
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
from asyncmigrate._migration import Options

_NAME: Final = re.compile(r"([0-9]+)_(.*?)(\.up|\.down)?\.sql", re.DOTALL)
_MARK: Final = "-- no-transaction"


def recognises(listing: Listing) -> bool:  # noqa: ARG001 - of the protocol
    """Never: its files could as well be our own, or golang-migrate's."""
    return False


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, SQLX.name)
    downs: dict[str, str] = {}
    ups: list[tuple[str, str, str]] = []
    for file in top_files(naming, ".sql"):
        parsed = _NAME.fullmatch(file)
        if parsed is None:
            naming.stray(file, "1_name.sql")
        elif parsed[3] == ".down":
            downs[numbered(parsed[1]).key] = file
        else:
            ups.append((file, parsed[1], parsed[2]))
    for file, text, name in ups:
        version = numbered(text)
        down = downs.pop(version.key, None) if file.endswith(".up.sql") else None
        files = (file, down) if down else (file,)
        naming.named.append(Named(version, name, files, partial(_parse, files)))
    naming.warnings += (
        f"{file} has no UP beside it, so sqlx never runs it: passed over"
        for file in downs.values()
    )
    return naming.found()


def _parse(files: tuple[str, ...], texts: Texts) -> Halves:
    halves = [Half(file, texts[file], options=_options(texts[file])) for file in files]
    return Halves.of(halves)


def _options(text: str) -> Options:
    return OWN_BLOCKS if text.startswith(_MARK) else Options()


SQLX: Final = Layout(
    name="sqlx",
    recognises=recognises,
    read=read,
    shape="`1_name.sql`, or `1_name.up.sql` and `1_name.down.sql`",
    identity="the number",
    transaction="one; `-- no-transaction`: the file's own blocks",
    recognised="by `format` alone: the names are those of our own files",
)
