"""diesel: a folder for each migration, ``2024-01-01-000000_name``, with ``up.sql``.

The version is the folder's name up to the first underscore, without its dashes; it is
compared as text. One transaction each, unless ``metadata.toml`` says otherwise: then
the file is sent as one query, and its own blocks count.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final

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
from asyncmigrate._migration import Options, Problem, Version

_UP: Final = "up.sql"
_DOWN: Final = "down.sql"
_METADATA: Final = "metadata.toml"


def recognises(listing: Listing) -> bool:
    """Whether a folder of the directory holds the file that every one must hold."""
    return any(_is_in_folder(file, _UP) for file in listing.files)


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    naming = Naming(listing, DIESEL.name)
    strays_beside_folders(naming, "2024-01-01-000000_name/up.sql")
    for folder, files in folders(listing.files).items():
        if f"{folder}/{_UP}" not in files:
            naming.refuse(
                folder,
                f"there is no `{_UP}` in this folder",
                f"add `{folder}/{_UP}`, or take the folder away",
            )
            continue
        given = tuple(
            f"{folder}/{name}"
            for name in (_UP, _DOWN, _METADATA)
            if f"{folder}/{name}" in files
        )
        before, _, name = folder.partition("_")
        text = before.replace("-", "")
        version = Version(text, f"name:{text}")
        naming.named.append(Named(version, name, given, partial(_parse, folder)))
    return naming.found()


def folders(files: Iterable[str]) -> dict[str, set[str]]:
    """The files of each folder of the directory, those of its subfolders included."""
    found: dict[str, set[str]] = {}
    for file in files:
        folder, slash, _ = file.partition("/")
        if slash:
            found.setdefault(folder, set()).add(file)
    return found


def _is_in_folder(file: str, name: str) -> bool:
    _, slash, rest = file.partition("/")
    return bool(slash) and rest == name


def _parse(folder: str, texts: Texts) -> Halves:
    up, down = f"{folder}/{_UP}", f"{folder}/{_DOWN}"
    halves = Halves(Half(up, texts[up]))
    metadata = f"{folder}/{_METADATA}"
    options = _options(metadata, texts[metadata], halves) if metadata in texts else None
    if options:
        halves.up = halves.up._replace(options=options)
    if down in texts:
        halves.down = Half(down, texts[down], options=options or Options())
    return halves


def _options(file: str, text: str, halves: Halves) -> Options:
    import tomllib  # noqa: PLC0415 - hardly ever needed

    key = "run_in_transaction"
    try:
        # What is there without the key counts as false, as in diesel itself.
        asked = tomllib.loads(text).get(key, False)
    except tomllib.TOMLDecodeError as error:
        wrong = Problem(f"this is no TOML: {error}", file, hint="correct it")
        halves.problems.append(wrong)
        return Options()
    if not isinstance(asked, bool):
        message = f"`{key}` is neither `true` nor `false`"
        halves.problems.append(Problem(message, file, hint=f"write `{key} = true`"))
    if key not in text:
        halves.warnings.append(f"{file} leaves `{key}` out: diesel reads that as false")
    return Options() if asked else OWN_BLOCKS


DIESEL: Final = Layout(
    name="diesel",
    recognises=recognises,
    read=read,
    shape="`2024-01-01-000000_name/up.sql`, `down.sql`, `metadata.toml`",
    identity="the folder's name up to `_`, without dashes, as text",
    transaction="one; `run_in_transaction = false`: the file's own blocks",
    recognised="by a folder with `up.sql`",
)
