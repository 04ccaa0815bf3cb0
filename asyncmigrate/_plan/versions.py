"""Versions as people write them on the command line."""

from collections.abc import Sequence

from asyncmigrate._migration import History, MigrationFile, Order, order_of
from asyncmigrate.errors import UnknownVersion


def nearest_versions(wanted: str, known: Sequence[str], count: int = 3) -> list[str]:
    """The known versions next to *wanted*, in order."""
    place = order_of(canonical(wanted))
    ordered = sorted(set(known), key=lambda text: order_of(canonical(text)))
    below = [text for text in ordered if order_of(canonical(text)) < place]
    above = [text for text in ordered if order_of(canonical(text)) >= place]
    return below[-2:] + above[: count - len(below[-2:])]


def canonical(text: str) -> str:
    """*text* without the zeros in front of its numbers."""
    groups = text.split("_")
    if all(group.isascii() and group.isdigit() for group in groups):
        return "_".join(str(int(group)) for group in groups)
    return text


def find_key(
    wanted: str, files: Sequence[MigrationFile], history: History
) -> str | None:
    """The key that *wanted* names, by its text or by its number."""
    known = {file.label: file.key for file in files}
    rows = (*history.rows, *history.repeatables)
    known |= {row.version: row.version_key for row in rows}
    if wanted in known:
        return known[wanted]
    keys = set(known.values())
    for candidate in (canonical(wanted), f"n:{wanted}", f"name:{wanted}", wanted):
        if candidate in keys:
            return candidate
    return None


def target_order(
    wanted: str, files: Sequence[MigrationFile], history: History
) -> Order:
    """The place of a target.

    Raises:
        UnknownVersion: it is neither a file nor in the history.
    """
    versioned = [file for file in files if file.version]
    key = find_key(wanted, versioned, History(history.rows))
    if key is not None:
        return order_of(key)
    known = [file.label for file in versioned] + [row.version for row in history.rows]
    raise UnknownVersion(
        wanted, nearest_versions(wanted, known), "among files and history"
    )
