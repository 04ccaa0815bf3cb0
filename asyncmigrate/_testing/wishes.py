"""What a test session was told, and the digest by which its template is known."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from asyncmigrate._api.operations import read_source
from asyncmigrate._configuration import load
from asyncmigrate._migration import History, MigrationFile
from asyncmigrate._plan.versions import target_order
from asyncmigrate._settings import PLACEHOLDERS, PYTEST_DSN, Origin, Settings
from asyncmigrate._version import __version__
from asyncmigrate.errors import InvalidSetting

NOTHING: Final = "0"
"""The version before the first."""
_SHAPE: Final = 1
"""Raised whenever what a template holds changes in a way that no digest shows."""
_SHAPING: Final = (
    "format",
    "namespace",
    "tracking_schema",
    "placeholders",
    "store_scripts",
    "readers",
    "role",
    "allow_out_of_order",
    "single_transaction",
    "release",
)
"""The settings that a migrated database can show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the session was told. Paths are absolute."""

    dsn: str | None
    """An existing server; without one an embedded server is started."""
    postgres: str | None = None
    """The embedded server's major version."""
    settings: Settings
    before: tuple[Path, ...] = ()
    """SQL files that are run in the template before the migrations."""
    after: tuple[Path, ...] = ()
    """The same after the newest of them."""
    project: str
    """Whose templates replace one another."""
    broker: str | None = None
    """Where the process listens that started this one as one of several."""
    expected: int = 0
    """How many tests will ask for a database of their own."""


def read_wishes(  # noqa: PLR0913 - what a test session is told, and by whom
    *,
    dsn: str | None,
    postgres: str | None,
    ini: Callable[[str], Any],
    root: Path,
    broker: str | None,
    expected: int,
) -> Wishes:
    """Options over environment over the test configuration over that of the command.

    The database of the command's own configuration, and ``DATABASE_URL``, are never
    looked at: it may be one that matters.

    Args:
        dsn: from the option.
        postgres: from the option.
        ini: what the test configuration says of a name.
        root: where its paths begin.
        broker: see `Wishes`.
        expected: see `Wishes`.

    Raises:
        InvalidSetting: something that was told cannot be meant.
    """
    names = ("directory", "format", "namespace")
    options = {name: ini(f"asyncmigrate_{name}") or None for name in names}
    resolved = load(options, os.environ, root)
    settings = replace(
        resolved.settings,
        dsn=None,
        connect=None,
        directory=tuple(
            _absolute(each, root, resolved.origins["directory"][0])
            for each in resolved.settings.directory
        ),
    )
    version = postgres or ini("asyncmigrate_postgres") or None
    if version is not None and not version.isdecimal():
        message = f"{version!r} is no major version of PostgreSQL"
        raise InvalidSetting(message, hint="write it as `--asyncmigrate-postgres=16`")
    return Wishes(
        dsn=dsn or os.environ.get(PYTEST_DSN) or ini("asyncmigrate_dsn") or None,
        postgres=version,
        settings=settings,
        before=tuple(root / path for path in ini("asyncmigrate_before")),
        after=tuple(root / path for path in ini("asyncmigrate_after")),
        project=f"{root.name} {settings.namespace}",
        broker=broker,
        expected=expected,
    )


def _absolute(directory: str, root: Path, origin: Origin) -> str:
    """A test may change the working directory, and the migrations stay where they are."""
    if directory.startswith("package:"):
        return directory
    # What the environment and the command's own file say is seen from here.
    here = origin in {Origin.ENVIRONMENT, Origin.FILE}
    return str((Path.cwd() if here else root) / directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A template that is to be: what is in it, in sixteen hex digits."""

    key: str
    target: str | None
    """The version up to which it is migrated; null is all, `NOTHING` is none."""
    files: tuple[MigrationFile, ...]
    """The versioned migrations of the directory, oldest first."""

    @property
    def complete(self) -> bool:
        """Whether it is at the newest version, with what belongs there."""
        return self.target is None


def draw(wishes: Wishes, version: str | None = None) -> Blueprint:
    """The template of these migrations, as they are on disk now, up to *version*.

    Raises:
        UnknownVersion: there is no such version among the files.
        InvalidSetting: a file to run before or after them cannot be read.
    """
    settings = wishes.settings
    source = read_source(settings)
    versioned = tuple(file for file in source.files if file.version)
    target, used = None, source.files
    if version is not None:
        target, used = _up_to(version, versioned)
    environment = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.upper().startswith(PLACEHOLDERS)
    )
    facts = {
        "shape": _SHAPE,
        "tool": __version__,
        "settings": {name: _plain(getattr(settings, name)) for name in _SHAPING},
        "environment": environment,
        "files": [(file.kind, file.key, file.file, file.file_sha256) for file in used],
        "problems": [str(problem) for problem in source.problems],
        "before": list(_digests(wishes.before)),
        "after": [] if target else list(_digests(wishes.after)),
        "target": target,
    }
    digest = hashlib.sha256(json.dumps(facts).encode())
    return Blueprint(key=digest.hexdigest()[:16], target=target, files=versioned)


def _up_to(
    version: str, files: tuple[MigrationFile, ...]
) -> tuple[str, tuple[MigrationFile, ...]]:
    if version == NOTHING:
        return NOTHING, ()
    limit = target_order(version, files, History())
    used = tuple(file for file in files if file.version and file.version.order <= limit)
    return used[-1].label, used


def _plain(value: object) -> object:
    if isinstance(value, (bool, str)) or value is None:
        return value
    return sorted(value.items()) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]  # the rest are tuples


def _digests(paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    for path in paths:
        try:
            yield path.name, hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}"
            hint = "see `asyncmigrate_before` and `asyncmigrate_after`"
            raise InvalidSetting(message, hint=hint) from error
