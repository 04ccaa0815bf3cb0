"""A directory inside an installed package, which may be in a zip archive.

What is on disk all the same is left to `listing`. Nothing is ever unpacked.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from asyncmigrate._layouts.listing import (
    Listing,
    Walk,
    identity,
    ill_named,
    is_ignored,
    is_sayable,
    list_directory,
)
from asyncmigrate._migration import Problem

PREFIX: Final = "package:"


class PackageFolder:
    """A folder of a package."""

    def __init__(self, node: Traversable) -> None:
        self.node = node

    def locate(self, name: str) -> str:
        """Where the operating system finds the file; empty inside an archive."""
        child = self.node.joinpath(name)
        return str(child) if isinstance(child, Path) else ""

    def digest(self, names: Iterable[str]) -> Iterator[tuple[str, str | OSError]]:
        """SHA-256 of each file, in hex, or why it cannot be read."""
        for name in names:
            try:
                yield name, sha256(self.read(name)).hexdigest()
            except OSError as error:
                yield name, error

    def read(self, name: str) -> bytes:
        """Read the whole file, or raise OSError."""
        try:
            return self.node.joinpath(name).read_bytes()
        except OSError:
            raise
        except Exception as error:  # each loader's reader has errors of its own
            raise OSError(str(error) or type(error).__name__) from error


def list_package(directory: str) -> Listing:
    """List ``package:NAME/FOLDER``. The package is imported; problems are listed."""
    package, _, inside = directory.removeprefix(PREFIX).partition("/")
    walk = Walk()
    try:
        top = files(package)
    except Exception as error:  # noqa: BLE001 - importing a package runs its code
        message = f"the package `{package}` cannot be imported: {error}"
        hint = "install it, or write `package:NAME/FOLDER`"
        return Listing(
            directory=directory, problems=(Problem(message, directory, hint=hint),)
        )
    for part in filter(None, inside.split("/")):
        top = top.joinpath(part)
    if isinstance(top, Path):
        return list_directory(str(top), directory)
    if top.is_dir():
        _walk(walk, top, "")
    else:
        message = "there is no such folder in the package"
        hint = "name a folder that is installed with it; see `package-data`"
        walk.problems.append(Problem(message, directory, hint=hint))
    return walk.listing(directory)


def _walk(walk: Walk, node: Traversable, prefix: str) -> None:
    walk.folders[prefix.rstrip("/")] = PackageFolder(node)
    for child in node.iterdir():
        file = prefix + child.name
        if is_ignored(child.name):
            continue
        if not is_sayable(child.name):
            walk.problems.append(ill_named(file))
        elif child.is_file():
            walk.files.append(file)
        elif isinstance(child, Path):
            walk.folder(str(child), f"{file}/", frozenset({identity(child.parent)}))
        else:
            _walk(walk, child, f"{file}/")
