"""The files of one plain directory and the digests of their bytes, for two looks.

The command's fast look, and the first look of a run, ask one thing: is every file's
row there, and no other? Then nobody has to know what the files mean. Plain is what
every layout reads alike: SQL and Python files in folders, by their paths, a pair
under its UP file. On anything else there is no answer, and the layouts are asked.

Of ten thousand files, hashed through a folder's descriptor: 58 ms, where the system
calls alone take 50 and whole texts by their paths 290 (measured). Nothing is imported
here that a process pays for.
"""

import os

try:
    from _hashlib import openssl_sha256 as sha256
except ImportError:  # a Python without OpenSSL
    from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Iterator

_PIECE = 32768
"""Bytes. A larger buffer costs more to allocate than most files to read."""
_SLICE = 64
"""Files between two moments at which somebody else may do something: 0.4 ms."""
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_OPEN_AT = os.open in os.supports_dir_fd
_SCRIPTS = (".sql", ".py")
_PROSE = (".md", ".txt", ".rst")


class PlainDirectory:
    """A directory whose files have been listed; their digests come in slices."""

    def __init__(self, path: str) -> None:
        self._folders: list[tuple[str, str, list[str]]] = []
        self._digests: dict[str, str] = {}
        self.is_plain = _OPEN_AT and self._list(path, "") and any(self._folders)
        """Whether there are files, and nothing beside them that may have a meaning."""

    def slices(self) -> "Iterator[None]":
        """Read and hash the files, giving way after each slice.

        Whatever cannot be read is nothing that is known: the layouts tell why.
        """
        try:
            for path, prefix, names in self._folders if self.is_plain else ():
                for start in range(0, len(names), _SLICE):
                    self._read(path, prefix, names[start : start + _SLICE])
                    yield
            self.is_plain = self.is_plain and self._join_pairs()
        except OSError:
            self.is_plain = False

    def digests(self) -> dict[str, str] | None:
        """File to digest, after the last slice; null when anything is not plain."""
        return self._digests if self.is_plain else None

    def _list(self, path: str, prefix: str) -> bool:
        names = []
        folders = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] in "._":
                        continue
                    if not entry.is_file(follow_symlinks=False):
                        if entry.is_symlink() or not entry.is_dir():
                            return False
                        folders.append(name)
                    # As nearly all are; every call for each of them counts here.
                    elif name.endswith(_SCRIPTS) or name.lower().endswith(_SCRIPTS):
                        names.append(name)
                    elif not name.lower().endswith(_PROSE) or not name.isprintable():
                        return False  # perhaps a side file, or another tool's
        except (OSError, ValueError):
            return False
        if not "".join(names).isprintable():
            return False
        if names:
            self._folders.append((path, prefix, names))
        return all(self._list(f"{path}/{name}", f"{prefix}{name}/") for name in folders)

    def _read(self, path: str, prefix: str, names: list[str]) -> None:
        digests, read, open_, close = self._digests, os.read, os.open, os.close
        here = open_(path, os.O_RDONLY)
        try:
            for name in names:
                opened = open_(name, _READ, dir_fd=here)
                try:
                    piece = read(opened, _PIECE)
                    digest = sha256(piece)
                    while len(piece) == _PIECE:
                        piece = read(opened, _PIECE)
                        digest.update(piece)
                finally:
                    close(opened)
                digests[prefix + name] = digest.hexdigest()
        finally:
            close(here)

    def _join_pairs(self) -> bool:
        """Have a pair stand under its UP file; false for a DOWN that is alone."""
        digests = self._digests
        for file in [file for file in digests if file.lower().endswith(".down.sql")]:
            stem = file[: -len(".down.sql")]
            up = next((e for e in (".up.sql", ".UP.SQL") if stem + e in digests), "")
            if not up:
                return False
            both = digests[stem + up] + digests.pop(file)
            digests[stem + up] = sha256(both.encode()).hexdigest()
        return True
