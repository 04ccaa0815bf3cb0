"""A directory of migrations, listed: which files there are, and how to read them.

Names and digests only: a text is read again when it is needed, and must then be what
was listed. Files are opened relative to their folder's descriptor and hashed in
pieces, which is four times as fast as paths and whole texts (measured).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

from asyncmigrate._migration import Problem, Unreadable

_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
"""Not to wait for a writer, should a file have become a pipe since it was listed."""
_PIECE: Final = 32768
"""Bytes. A larger buffer costs more to allocate than most files to read."""
_OPEN_AT: Final = os.open in os.supports_dir_fd
_REMEDY: Final = "make it readable, or take it away"


class Folder(Protocol):
    """The files of one folder, wherever it is."""

    def locate(self, name: str) -> str:
        """Where the operating system finds the file; empty inside an archive."""

    def digest(self, names: Iterable[str]) -> Iterator[tuple[str, str | OSError]]:
        """SHA-256 of each file, in hex, or why it cannot be read."""

    def read(self, name: str) -> bytes:
        """Read the whole file, or raise OSError."""


class DiskFolder:
    """A folder of the file system."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._prefix = os.path.join(path, "")  # noqa: PTH118 - a name goes behind it

    def locate(self, name: str) -> str:
        """Where the operating system finds the file."""
        return self._prefix + name

    def digest(self, names: Iterable[str]) -> Iterator[tuple[str, str | OSError]]:
        """SHA-256 of each file, in hex, or why it cannot be read."""
        try:
            here = os.open(self.path, os.O_RDONLY) if _OPEN_AT else None
        except OSError as error:
            yield from ((name, error) for name in names)
            return
        try:
            for name in names:
                try:
                    target = name if _OPEN_AT else self.locate(name)
                    yield name, _hash(os.open(target, _READ, dir_fd=here))
                except OSError as error:
                    yield name, error
        finally:
            if here is not None:
                os.close(here)

    def read(self, name: str) -> bytes:
        """Read the whole file."""
        with open(os.open(self.locate(name), _READ), "rb") as file:  # noqa: PTH123 - a descriptor
            return file.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of one directory and its subfolders, hidden ones left out."""

    directory: str
    """As it was given."""
    folders: Mapping[str, Folder] = field(default_factory=dict)
    """Of each folder that holds files, by its relative path; of the top, ``""``."""
    files: tuple[str, ...] = ()
    """Relative paths with ``/``, sorted."""
    problems: tuple[Problem, ...] = ()

    def shown(self, file: str) -> str:
        """The path of *file* as people can find it."""
        return f"{self.directory.rstrip('/')}/{file}"

    def path(self, file: str) -> str:
        """Where the operating system finds *file*; empty inside an archive."""
        folder, name = self._split(file)
        return folder.locate(name)

    def digests(self, files: Iterable[str]) -> dict[str, str | OSError]:
        """SHA-256 of each file, in hex, or why it cannot be read."""
        by_folder: dict[str, list[str]] = {}
        for file in files:
            parent, slash, name = file.rpartition("/")
            by_folder.setdefault(parent + slash, []).append(name)
        return {
            parent + name: result
            for parent, names in by_folder.items()
            for name, result in self.folders[parent.rstrip("/")].digest(names)
        }

    def read(self, file: str) -> bytes:
        """Read the whole of *file*.

        Raises:
            Unreadable: the operating system does not give it.
        """
        folder, name = self._split(file)
        try:
            return folder.read(name)
        except OSError as error:
            raise Unreadable([unreadable(file, error)]) from error

    def read_again(self, file: str, digest: str) -> bytes:
        """Read the whole of *file*, which must be what was listed.

        Raises:
            Unreadable: it cannot be read, or was changed since.
        """
        content = self.read(file)
        if sha256(content).hexdigest() != digest:
            changed = "the file was changed while the run was under way"
            hint = "run again; nothing of the new text was used"
            raise Unreadable([Problem(changed, file, hint=hint)])
        return content

    def _split(self, file: str) -> tuple[Folder, str]:
        parent, _, name = file.rpartition("/")
        return self.folders[parent], name


def _hash(opened: int) -> str:
    """Hash what is left of an open file, and close it."""
    read = os.read
    try:
        digest = sha256(read(opened, _PIECE))
        while piece := read(opened, _PIECE):
            digest.update(piece)
        return digest.hexdigest()
    finally:
        os.close(opened)


def unreadable(file: str, error: OSError) -> Problem:
    """Say why a file or folder cannot be read."""
    reason = error.strerror or str(error)
    return Problem(f"it cannot be read: {reason}", file, hint=_REMEDY)


def list_directory(path: str, directory: str | None = None) -> Listing:
    """List a directory of the file system, called *directory*. It holds its problems.

    The process may change its own directory before a file is read again.
    """
    directory = path if directory is None else directory
    walk = Walk()
    try:
        walk.folder(os.path.abspath(path), "", frozenset())  # noqa: PTH100 - as below
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        walk.problems.append(_no_directory(directory, error))
    return walk.listing(directory)


def identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Tell one folder from all others, by whatever path it is reached."""
    status = os.stat(path)  # noqa: PTH116 - of a text as well
    return status.st_dev, status.st_ino


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is nobody's business."""
    return name[:1] in {".", "_"}


def is_sayable(name: str) -> bool:
    """Whether the name can be written in UTF-8, as the history must."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def ill_named(file: str) -> Problem:
    """Say that the name of *file* is not UTF-8, in characters that are."""
    shown = file.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return Problem("the file's name is not UTF-8", shown, hint="rename the file")


class Walk:
    """One walk through a directory and its subfolders."""

    def __init__(self) -> None:
        self.folders: dict[str, Folder] = {}
        self.files: list[str] = []
        self.problems: list[Problem] = []

    def listing(self, directory: str) -> Listing:
        """What was found."""
        return Listing(
            directory=directory,
            folders=self.folders,
            files=tuple(sorted(self.files)),
            problems=tuple(self.problems),
        )

    def folder(self, path: str, prefix: str, above: frozenset[tuple[int, int]]) -> None:
        """List one folder; *above* are the identities of those that it stands in."""
        this = identity(path)
        if this in above:
            return  # a symbolic link back to a folder that is being walked
        self.folders[prefix.rstrip("/")] = DiskFolder(path)
        with os.scandir(path) as entries:
            for entry in entries:
                if not is_ignored(entry.name):
                    self.entry(entry, prefix, above | {this})

    def entry(
        self,
        entry: os.DirEntry[str],
        prefix: str,
        above: frozenset[tuple[int, int]],
    ) -> None:
        """Sort one entry: a file, a folder, or neither."""
        file = prefix + entry.name
        if not is_sayable(entry.name):
            self.problems.append(ill_named(file))
            return
        # Three questions to the entry itself: no system call but for a symbolic link.
        try:
            if entry.is_file():
                self.files.append(file)
            elif entry.is_dir():
                self.folder(entry.path, f"{file}/", above)
            elif entry.is_symlink():
                os.stat(entry.path)  # noqa: PTH116 - raises when the link leads nowhere
        except OSError as error:
            self.problems.append(unreadable(file, error))


def _no_directory(directory: str, error: OSError | ValueError) -> Problem:
    create = "create it, or name another one with `--directory`"
    if isinstance(error, FileNotFoundError):
        return Problem("there is no such directory", directory, hint=create)
    if isinstance(error, NotADirectoryError):
        return Problem("this is not a directory", directory, hint=create)
    reason = getattr(error, "strerror", None) or error
    return Problem(f"it cannot be read: {reason}", directory, hint=_REMEDY)
