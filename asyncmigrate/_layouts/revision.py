"""A directory as a git revision has it; read with git itself, never checked out."""

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from asyncmigrate._layouts.listing import Listing, is_ignored
from asyncmigrate.errors import InvalidUsage

_SECONDS: Final = 60
"""How long git may take for one answer."""


class Repository:
    """The git repository that a directory stands in."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def merge_base(self, reference: str) -> str:
        """The commit where this work tree's branch and *reference* parted.

        Raises:
            InvalidUsage: there is none, no such reference, or no repository. A check
                that cannot be made is never passed.
        """
        tip = self.commit(reference)
        answer = self._git("merge-base", "HEAD", tip)
        if answer is None:
            shallow = self._git("rev-parse", "--is-shallow-repository") == b"true\n"
            message = f"HEAD and {reference} have no common ancestor here"
            hint = (
                "fetch the whole history: `git fetch --unshallow`"
                if shallow
                else "name a branch that this one came from"
            )
            raise InvalidUsage(message, hint=hint)
        return answer.decode().strip()

    def commit(self, reference: str) -> str:
        """The commit that *reference* names.

        Raises:
            InvalidUsage: it names none, or this is no repository.
        """
        answer = self._git(
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{reference}^{{commit}}",
        )
        if answer is None:
            if self._git("rev-parse", "--git-dir") is None:
                message = f"{self.directory} is in no git repository that can be read"
                raise InvalidUsage(
                    message, hint="run it in a clone, with git installed"
                )
            message = f"there is no git revision {reference!r} here"
            raise InvalidUsage(message, hint="fetch it first: `git fetch origin …`")
        return answer.decode().strip()

    def listing(self, commit: str) -> Listing:
        """The directory's files as *commit* has them; none when it has no such one."""
        answer = self._git("ls-tree", "-r", "-z", commit, ".") or b""
        folders: dict[str, BlobFolder] = {}
        files = []
        for entry in answer.split(b"\0"):
            described, _, path = entry.partition(b"\t")
            kind = described.split(b" ")
            if len(kind) != 3 or kind[1] != b"blob" or kind[0] == b"120000":  # noqa: PLR2004 - mode, type, id
                continue
            file = path.decode(errors="backslashreplace")
            if any(is_ignored(part) for part in file.split("/")):
                continue
            parent, _, name = file.rpartition("/")
            folder = folders.setdefault(parent, BlobFolder(self))
            folder.blobs[name] = kind[2].decode()
            files.append(file)
        folders.setdefault("", BlobFolder(self))
        return Listing(
            directory=self.directory, folders=folders, files=tuple(sorted(files))
        )

    def blobs(self, ids: Sequence[str]) -> list[bytes]:
        """The contents of *ids*, in one go."""
        answer = self._git("cat-file", "--batch", stdin="\n".join(ids) + "\n") or b""
        contents = []
        at = 0
        for _ in ids:
            end = answer.index(b"\n", at)
            size = int(answer[at:end].split(b" ")[2])
            contents.append(answer[end + 1 : end + 1 + size])
            at = end + 1 + size + 1
        return contents

    def _git(self, *arguments: str, stdin: str = "") -> bytes | None:
        try:
            done = subprocess.run(  # noqa: S603 - git, with arguments and no shell
                ["git", "-C", self.directory, *arguments],  # noqa: S607 - the user's own git
                input=stdin.encode(),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


class BlobFolder:
    """A folder of a commit."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.blobs: dict[str, str] = {}
        self._read: dict[str, bytes] = {}

    def locate(self, name: str) -> str:  # noqa: ARG002 - of the protocol
        """Nowhere: a commit's files are not on disk."""
        return ""

    def digest(self, names: Iterable[str]) -> Iterator[tuple[str, str | OSError]]:
        """SHA-256 of each file, in hex."""
        wanted = list(names)
        contents = self.repository.blobs([self.blobs[name] for name in wanted])
        for name, content in zip(wanted, contents, strict=True):
            self._read[name] = content
            yield name, sha256(content).hexdigest()

    def read(self, name: str) -> bytes:
        """The whole file."""
        if name not in self._read:
            self._read[name] = self.repository.blobs([self.blobs[name]])[0]
        return self._read[name]
