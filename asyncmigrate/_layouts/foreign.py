"""What the layouts of other tools have in common: from names to migrations.

A layout names its migrations, each with the files that define it and a function from
their texts to the two directions. Nothing is parsed before it has to be.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Final, NamedTuple

from asyncmigrate._layouts.halves import ONE_BY_ONE, OWN_BLOCKS, Half, Halves
from asyncmigrate._layouts.layout import Found
from asyncmigrate._layouts.listing import Listing, unreadable
from asyncmigrate._layouts.texts import text_of
from asyncmigrate._migration import (
    Definition,
    Kind,
    MigrationFile,
    Problem,
    Unreadable,
    Version,
)

__all__ = ["ONE_BY_ONE", "OWN_BLOCKS", "Half", "Halves", "Named", "Naming", "Texts"]

Texts = Mapping[str, str]
"""By file."""


class Named(NamedTuple):
    """A migration by the names of its files."""

    version: Version | None
    """Null for a repeatable."""
    name: str
    files: tuple[str, ...]
    """All that define it, the one with the UP first."""
    parse: Callable[[Texts], Halves]


@dataclass(slots=True)
class Naming:
    """What a layout has made of the names so far."""

    listing: Listing
    tool: str
    named: list[Named] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    project: str = ""

    def refuse(self, file: str, message: str, hint: str) -> None:
        """Tell what is wrong with a file."""
        self.problems.append(Problem(message, file, hint=hint))

    def language(self, file: str, language: str) -> None:
        """Refuse a migration in another language, which must not be passed over."""
        self.refuse(
            file,
            f"a migration in {language} cannot be run from here",
            "write it in SQL or in Python; or, where its work is done already, leave it"
            f" out on purpose: `--skip '{file}'`",
        )

    def stray(self, file: str, shape: str) -> None:
        """Tell of SQL that the tool does not take for a migration."""
        name = file.rpartition("/")[2]
        if name[:1].isdigit():
            self.refuse(
                file,
                f"it is named like a migration, and none of {self.tool}",
                f"{self.tool} wants `{shape}`: rename it, name the layout with"
                f" `--format`, or leave it out: `--skip '{file}'`",
            )
        else:
            self.warnings.append(f"{file} is no migration of {self.tool}: passed over")

    def found(self) -> Found:
        """Digest the files of everything that was named."""
        wanted = [file for each in self.named for file in each.files]
        digests: dict[str, str] = {}
        for file, digest in self.listing.digests(wanted).items():
            if isinstance(digest, str):
                digests[file] = digest
            else:
                self.problems.append(unreadable(file, digest))
        return Found(
            files=tuple(
                self._migration(each, [(file, digests[file]) for file in each.files])
                for each in self.named
                if all(file in digests for file in each.files)
            ),
            problems=tuple(self.problems),
            warnings=tuple(self.warnings),
            project=self.project,
        )

    def _migration(
        self, named: Named, digests: Sequence[tuple[str, str]]
    ) -> MigrationFile:
        file, digest = digests[0]
        if len(digests) > 1:
            together = "".join(each for _, each in digests)
            digest = sha256(together.encode()).hexdigest()
        return MigrationFile(
            kind=Kind.VERSIONED if named.version else Kind.REPEATABLE,
            version=named.version,
            name=named.name,
            file=file,
            file_sha256=digest,
            define=partial(_define, self.listing, tuple(digests), named.parse),
            path=self.listing.path(file),
            content=partial(self.listing.read_again, file, digests[0][1]),
        )


def _define(
    listing: Listing,
    digests: Sequence[tuple[str, str]],
    parse: Callable[[Texts], Halves],
) -> Definition:
    """Read the files again, which must be what was listed."""
    # What is up to date is never parsed: then the scanner is not even loaded.
    from asyncmigrate._layouts.reading import build  # noqa: PLC0415 - see above

    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for file, digest in digests:
        try:
            texts[file] = text_of(listing.read_again(file, digest), file)
        except Unreadable as error:
            problems += error.problems
    if problems:
        raise Unreadable(problems)
    return build(parse(texts))


def numbered(text: str) -> Version:
    """Give the version of a tool that reads it as a number."""
    return Version(text, f"n:{text.lstrip('0') or '0'}")


def top_files(naming: Naming, *endings: str) -> list[str]:
    """The files of the directory itself; SQL below it is told of."""
    top: list[str] = []
    below: list[str] = []
    for file in naming.listing.files:
        if file.lower().endswith(endings):
            (below if "/" in file else top).append(file)
    if below:
        shown = ", ".join(below[:3]) + (", …" if below[3:] else "")
        naming.warnings.append(
            f"{naming.tool} does not look into subfolders: {shown} passed over"
        )
    return top


def duplicates(naming: Naming, files: Iterable[tuple[str, str]]) -> None:
    """Refuse files that share what the tool knows them by: pairs of it and the file."""
    seen: dict[str, str] = {}
    for key, file in files:
        if key in seen:
            naming.refuse(
                file,
                f"`{seen[key]}` and `{file}` have one version, {key}",
                "renumber the one that is not applied yet",
            )
        seen[key] = file


def strays_beside_folders(naming: Naming, shape: str) -> None:
    """Tell of SQL at the top of a layout that has a folder for each migration."""
    for file in naming.listing.files:
        if "/" not in file and file.lower().endswith(".sql"):
            naming.stray(file, shape)


def samples(listing: Listing) -> list[str]:
    """The beginnings of up to three SQL files at the top: first, middle, last."""
    files = [f for f in listing.files if "/" not in f and f.lower().endswith(".sql")]
    if not files:
        return []
    texts = []
    for at in sorted({0, len(files) // 2, len(files) - 1}):
        try:
            head = listing.read(files[at])[:_SAMPLE]
        except Unreadable:
            continue
        texts.append(head.decode(errors="replace").removeprefix("\ufeff"))
    return texts


_SAMPLE: Final = 1 << 16
"""Bytes."""
