"""Our own layout: what each file of a directory is.

Nothing is parsed here. A file that is a problem is told and left out; none is passed
over in silence but those that `listing` and DESIGN call ignored.
"""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from typing import Final, NamedTuple

from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing, unreadable
from asyncmigrate._layouts.names import leading_digits, parse_stem
from asyncmigrate._migration import (
    Definition,
    Kind,
    MigrationFile,
    Problem,
    Version,
)

_REPEATABLE: Final = "repeatable/"
_RESERVED_FOLDERS: Final = frozenset({"checkpoint", "seeds"})
_RESERVED_ENDINGS: Final = (".checkpoint", ".seed")
_UP: Final = ".up"
_DOWN: Final = ".down"


class _Named(NamedTuple):
    """A migration by its name alone."""

    kind: Kind
    version: Version | None
    name: str
    file: str
    down_file: str | None = None
    python: bool = False
    paired: bool = False


def recognises(listing: Listing) -> bool:
    """Whether some file is named as a migration of ours."""
    return any(_ending(file) and _is_ours(file) for file in listing.files)


def read(listing: Listing) -> Found:
    """Name and digest every migration."""
    problems: list[Problem] = []
    named = list(_named(listing, problems))
    wanted = [file for it in named for file in (it.file, it.down_file) if file]
    digests: dict[str, str] = {}
    for file, digest in listing.digests(wanted).items():
        if isinstance(digest, str):
            digests[file] = digest
        else:
            problems.append(unreadable(file, digest))
    files = [
        _migration(listing, it, digests)
        for it in named
        if it.file in digests and (it.down_file is None or it.down_file in digests)
    ]
    return Found(files=tuple(files), problems=tuple(problems))


NATIVE: Final = Layout(
    name="native",
    recognises=recognises,
    read=read,
    shape="`20260315_001_name.sql`, or a pair `.up.sql` and `.down.sql`",
    identity="the version, number by number",
    transaction="one; `transaction=off`: each statement by itself",
    recognised="when it is no other's",
)


def _ending(file: str) -> str:
    """Tell which of our two endings the file has, if any."""
    ending = file[-4:].lower()
    if ending == ".sql":
        return ending
    return ".py" if ending.endswith(".py") else ""


def _is_ours(file: str) -> bool:
    name = file.rpartition("/")[2]
    return file.startswith(_REPEATABLE) or bool(parse_stem(name.rpartition(".")[0]))


def _named(listing: Listing, problems: list[Problem]) -> Iterator[_Named]:
    downs: dict[str, str] = {}
    ups: list[tuple[str, str]] = []
    reserved: set[str] = set()
    for file in listing.files:
        ending = _ending(file)
        if not ending:
            continue
        stem = file[: -len(ending)]
        kept = _reserved(file, stem.lower() if ending == ".sql" else "")
        if kept:
            reserved.add(kept)
        elif ending == ".sql" and stem.lower().endswith(_DOWN):
            downs[stem[: -len(_DOWN)]] = file
        elif ending == ".sql" and stem.lower().endswith(_UP):
            ups.append((stem[: -len(_UP)], file))
        else:
            yield from _single(file, stem, problems, python=ending == ".py")
    for stem, file in ups:
        down = downs.pop(stem, None)
        for one in _single(file, stem, problems):
            yield one._replace(down_file=down, paired=True)
    for stem, file in downs.items():
        problems.append(_no_up(stem, file))
    problems += map(_is_reserved, sorted(reserved))


def _single(
    file: str, stem: str, problems: list[Problem], *, python: bool = False
) -> Iterator[_Named]:
    name = stem.rpartition("/")[2]
    if file.startswith(_REPEATABLE):
        if python:
            message = "a repeatable migration is SQL"
            problems.append(Problem(message, file, hint="give it a version"))
        else:
            yield _Named(Kind.REPEATABLE, None, name, file)
        return
    parsed = parse_stem(name)
    if parsed:
        version, rest = parsed
        yield _Named(Kind.VERSIONED, version, rest, file, python=python)
    else:
        problems.append(_no_version(file, name))


def _migration(
    listing: Listing, named: _Named, digests: dict[str, str]
) -> MigrationFile:
    digest = digests[named.file]
    if named.down_file:
        both = f"{digest}{digests[named.down_file]}"
        digest = sha256(both.encode()).hexdigest()
    return MigrationFile(
        kind=named.kind,
        version=named.version,
        name=named.name,
        file=named.file,
        file_sha256=digest,
        define=_definer(listing, named, digests),
        python=named.python,
        path=listing.path(named.file),
    )


def _definer(
    listing: Listing, named: _Named, digests: dict[str, str]
) -> Callable[[], Definition]:
    how = "define_sql"
    given = [named.file, digests[named.file]]
    if named.down_file:
        how = "define_pair"
        given += [named.down_file, digests[named.down_file]]
    elif named.paired:
        how = "define_up"
    elif named.python:
        how = "define_python"
    return partial(_define, how, listing, *given)


def _define(how: str, listing: Listing, *given: str) -> Definition:
    # What is up to date is never parsed: then the scanner is not even loaded.
    from asyncmigrate._layouts import definitions  # noqa: PLC0415 - see above

    definition: Definition = getattr(definitions, how)(listing, *given)
    return definition


def _reserved(file: str, stem: str) -> str:
    """Give the folder or the file whose name is reserved, if one is."""
    *folders, _ = file.split("/")
    for depth, folder in enumerate(folders, 1):
        if folder.lower() in _RESERVED_FOLDERS:
            return "/".join(folders[:depth]) + "/"
    return file if stem.endswith(_RESERVED_ENDINGS) else ""


def _is_reserved(file: str) -> Problem:
    message = "the name is reserved for a later release"
    return Problem(message, file, hint="rename it, or prefix it with `_`")


def _no_up(stem: str, file: str) -> Problem:
    up = f"{stem.rpartition('/')[2]}.up.sql"
    message = f"there is no `{up}` beside it"
    return Problem(message, file, hint=f"add `{up}`, or take this file away")


def _no_version(file: str, name: str) -> Problem:
    base = file.rpartition("/")[2]
    digits = leading_digits(name)
    if not digits:
        message = "the name does not begin with a version"
        hint = f"rename it to `0001_{base}`, or prefix it with `_` to have it ignored"
        return Problem(message, file, hint=hint)
    message = f"the version `{digits}` must end with `_` or `.`"
    hint = f"rename it to `{digits}_{base[len(digits) :].lstrip('- ')}`"
    return Problem(message, file, hint=hint)
