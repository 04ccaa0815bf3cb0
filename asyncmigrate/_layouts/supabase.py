"""Supabase: ``supabase/migrations/20240101000000_name.sql``.

Files are ordered by their names as text, so the whole name is the identity; two with
the same digits are refused, as the tool's own table does. The tool opens no
transaction and sends the statements as one batch, so the file's own blocks count. It
has no DOWN.
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
    duplicates,
    top_files,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Version

_NAME: Final = re.compile(r"([0-9]+)_(.*)\.sql", re.DOTALL)
_FIRST: Final = re.compile(r"([0-9]{14})_init\.sql")
_OLD: Final = 20211209000000
"""A first file called init from before this is the tool's own, and never applied."""


def recognises(listing: Listing) -> bool:
    """Whether the directory is the one that the tool makes; names alone tell nothing."""
    place = listing.directory.replace("\\", "/").rstrip("/")
    return f"/{place}".endswith("/supabase/migrations") and any(
        _NAME.fullmatch(file) for file in listing.files
    )


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, SUPABASE.name)
    versions: list[tuple[str, str]] = []
    for at, file in enumerate(top_files(naming, ".sql")):
        parsed = _NAME.fullmatch(file)
        first = _FIRST.fullmatch(file)
        if at == 0 and first and int(first[1]) < _OLD:
            naming.warnings.append(f"{file} is the tool's own beginning: passed over")
        elif parsed is None:
            naming.stray(file, "20240101000000_name.sql")
        else:
            digits, name = parsed.groups()
            versions.append((digits, file))
            version = Version(digits, f"name:{file[: -len('.sql')]}")
            parse = partial(_parse, file)
            naming.named.append(Named(version, name, (file,), parse))
    duplicates(naming, versions)
    return naming.found()


def _parse(file: str, texts: Texts) -> Halves:
    return Halves(Half(file, texts[file], options=OWN_BLOCKS))


SUPABASE: Final = Layout(
    name="supabase",
    recognises=recognises,
    read=read,
    shape="`20240101000000_name.sql`",
    identity="the whole name, as text",
    transaction="the file's own blocks",
    recognised="by the directory's name, `supabase/migrations`",
)
