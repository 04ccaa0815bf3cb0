"""Prisma: a folder for each migration, ``20240101000000_name/migration.sql``.

The folder's whole name is the identity, and the order is that of the names as text.
The tool opens no transaction and sends a file as one query, so the file's own blocks
count. It has no DOWN. A ``migration_lock.toml`` of another database is an error.
"""

from functools import partial
from typing import Final

from asyncmigrate._layouts.diesel import folders
from asyncmigrate._layouts.foreign import (
    OWN_BLOCKS,
    Half,
    Halves,
    Named,
    Naming,
    Texts,
    strays_beside_folders,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Unreadable, Version

_FILE: Final = "migration.sql"
_LOCK: Final = "migration_lock.toml"
_OURS: Final = frozenset({"postgresql", "postgres"})


def recognises(listing: Listing) -> bool:
    """Whether the lock file is there, or a folder with the file, and no snapshot.

    Another tool of its kind keeps a ``snapshot.json`` beside each.
    """
    if _LOCK in listing.files:
        return True
    names = {file.partition("/")[2] for file in listing.files}
    return _FILE in names and "snapshot.json" not in names


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, PRISMA.name)
    strays_beside_folders(naming, "20240101000000_name/migration.sql")
    if _LOCK in listing.files:
        _check_lock(naming)
    for folder, files in folders(listing.files).items():
        file = f"{folder}/{_FILE}"
        if file not in files:
            naming.refuse(
                folder,
                f"there is no `{_FILE}` in this folder",
                f"add `{file}`, or take the folder away",
            )
            continue
        for other in sorted(files - {file}):
            naming.warnings.append(f"{other} is not run by prisma: passed over")
        before, _, name = folder.partition("_")
        version = Version(folder, f"name:{folder}")
        parse = partial(_parse, file)
        naming.named.append(Named(version, name or before, (file,), parse))
    return naming.found()


def _parse(file: str, texts: Texts) -> Halves:
    return Halves(Half(file, texts[file], options=OWN_BLOCKS))


def _check_lock(naming: Naming) -> None:
    """Refuse a directory that was written for another database."""
    import tomllib  # noqa: PLC0415 - needed for this layout alone

    hint = 'these files want `provider = "postgresql"`'
    try:
        lock = tomllib.loads(naming.listing.read(_LOCK).decode())
    except Unreadable as error:
        naming.problems += error.problems
        return
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        naming.refuse(_LOCK, f"this is no TOML: {error}", hint)
        return
    provider = lock.get("provider")
    if provider not in _OURS:
        message = f"these migrations were written for {provider or 'no database'}"
        naming.refuse(_LOCK, f"{message}, not for PostgreSQL", hint)


PRISMA: Final = Layout(
    name="prisma",
    recognises=recognises,
    read=read,
    shape="`20240101000000_name/migration.sql`",
    identity="the folder's whole name, as text",
    transaction="the file's own blocks",
    recognised="by `migration_lock.toml`, or a folder with `migration.sql`",
)
