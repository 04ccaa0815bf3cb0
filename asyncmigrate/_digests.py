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

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Generator, Iterator

_PIECE = 32768
"""Bytes. A larger buffer costs more to allocate than most files to read."""
_SLICE = 32
"""Files between two moments at which somebody else may do something: 0.2 ms."""
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
_OPEN_AT = os.open in os.supports_dir_fd
_SCRIPTS = (".sql", ".py")
_PROSE = (".md", ".txt", ".rst")
_NUMBERED: "tuple[str, ...]" = ("n:",)
_NAMED: "tuple[str, ...]" = ("name:",)
_SIGNS = (
    (b"+goose", _NUMBERED),
    (b"--! prev", _NUMBERED),
    (b"migrate:up", _NAMED),
    (b"+migrate", _NUMBERED + _NAMED),
)
"""What stands in the files of each tool that is known by it, in lower case, and what
the keys of its migrations begin with."""


class PlainDirectory:
    """A directory whose files have been listed; their digests come in slices."""

    def __init__(self, directory: str) -> None:
        # The process may change its own directory before a file is read.
        path = os.path.abspath(directory)  # noqa: PTH100 - pathlib costs 17 ms
        self._folders: list[tuple[str, str, list[str]]] = []
        self._digests: dict[str, str] = {}
        self.keys: tuple[str, ...] = ("",)
        """What the version keys may begin with in the layout that is recognised; of our
        own layout nothing stands before the number."""
        self.is_plain = _OPEN_AT and self._list(path, "") and any(self._folders)
        """Whether there are files, and nothing beside them that may have a meaning."""
        self.is_plain = self.is_plain and self._recognise(directory)

    def slices(self) -> "Generator[None]":
        """Read and hash the files, giving way after each slice.

        Whatever cannot be read is nothing that is known: the layouts tell why.
        """
        try:
            for path, prefix, names in self._folders if self.is_plain else ():
                here = os.open(path, os.O_RDONLY)
                try:
                    for start in range(0, len(names), _SLICE):
                        self._read(here, prefix, names[start : start + _SLICE])
                        yield
                finally:
                    os.close(here)
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
        if not "".join(names + folders).isprintable():
            return False
        if names:
            self._folders.append((path, prefix, names))
        return all(self._list(f"{path}/{name}", f"{prefix}{name}/") for name in folders)

    def _recognise(self, directory: str) -> bool:
        """Find what the keys begin with; false where two tools may claim the files.

        As the layouts do it (`_layouts`), by the same names and the same samples, but
        more roughly: a sign that is none costs the answer, and no more.
        """
        try:
            texts = self._samples()
        except OSError:
            return False
        claims = [keys for sign, keys in _SIGNS if any(sign in text for text in texts)]
        claims += self._claims_by_name()
        if f"/{directory.rstrip('/')}".endswith("/supabase/migrations"):
            claims.append(_NAMED)
        if claims:
            self.keys = claims[0]
        return len(claims) < 2  # noqa: PLR2004 - more than one

    def _samples(self) -> "list[bytes]":
        """The beginnings of the first, the middle and the last of the top's SQL files.

        And of the first below ``committed/``, where one tool keeps all but the newest.
        """
        paths: set[str] = set()
        for path, prefix, names in self._folders:
            names.sort()
            scripts = [
                name
                for name in names
                if name.endswith(".sql") or name.lower().endswith(".sql")
            ]
            if scripts and prefix in ("", "committed/"):
                middle, last = len(scripts) // 2, len(scripts) - 1
                wanted = (0, middle, last) if not prefix else (0,)
                paths |= {f"{path}/{scripts[at]}" for at in wanted}
        return [_beginning(path).lower() for path in paths]

    def _claims_by_name(self) -> "Iterator[tuple[str, ...]]":
        """Of the tools that are known by the names of their files."""
        bases = "".join(["/" + "/".join(names) for _, _, names in self._folders])
        if "/R__" in bases or any(f"/V{digit}" in bases for digit in range(10)):
            yield _NUMBERED
        folders = [names for _, at, names in self._folders if at.count("/") == 1]
        for script in ("up.sql", "migration.sql"):
            if any(script in names for names in folders):
                yield _NAMED

    def _read(self, here: int, prefix: str, names: list[str]) -> None:
        # Not before there is a server that is at work meanwhile.
        from asyncmigrate._sha256 import sha256  # noqa: PLC0415 - see above

        digests, read, open_, close = self._digests, os.read, os.open, os.close
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

    def _join_pairs(self) -> bool:
        """Have a pair stand under its UP file; false for a DOWN that is alone."""
        from asyncmigrate._sha256 import sha256  # noqa: PLC0415 - as in `_read`

        digests = self._digests
        for file in [file for file in digests if file.lower().endswith(".down.sql")]:
            stem = file[: -len(".down.sql")]
            up = next((e for e in (".up.sql", ".UP.SQL") if stem + e in digests), "")
            if not up:
                return False
            both = digests[stem + up] + digests.pop(file)
            digests[stem + up] = sha256(both.encode()).hexdigest()
        return True


def _beginning(path: str) -> bytes:
    opened = os.open(path, _READ)
    try:
        return os.read(opened, 2 * _PIECE)
    finally:
        os.close(opened)
