"""What a shell is offered for a version: read from the names of the files alone."""

import os
import re
from collections.abc import Iterator
from typing import Final

import typer

_NAME: Final = re.compile(r"(\d{8}_\d+(?=[_.])|\d+)_?([^.]*)\.", re.ASCII)
_SUFFIXES: Final = (".sql", ".py")
_MOST: Final = 10_000


def complete_version(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The versions in the directory that begin as the word does; never an error."""
    from asyncmigrate._configuration import load
    from asyncmigrate.errors import MigrationError

    given = ctx.params.get("directory") or None
    try:
        directories = load({"directory": given}).settings.directory
    except (MigrationError, OSError):
        return []
    found: dict[str, str] = {}
    for directory in directories:
        for name in _file_names(directory):
            match = _NAME.match(name)
            if match and match[1].startswith(incomplete):
                found.setdefault(match[1], match[2].replace("_", " "))
    return sorted(found.items(), key=lambda item: [int(g) for g in item[0].split("_")])


def _file_names(directory: str) -> Iterator[str]:
    left = _MOST
    for _, folders, names in os.walk(directory):
        folders[:] = [folder for folder in folders if folder[0] not in "._"]
        for name in names:
            if name[0] not in "._" and name.endswith(_SUFFIXES):
                yield name
        left -= len(names)
        if left < 0:
            return
