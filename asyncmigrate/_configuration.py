"""Settings from the nearest configuration file, the environment and the options.

The file is the first on the way up from the working directory: a pyproject.toml with
a table ``[tool.asyncmigrate]``, or an asyncmigrate.toml. A relative ``directory`` in
it is meant from where the file is, so that the command can be run anywhere below.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from asyncmigrate._pyproject import may_hold_settings
from asyncmigrate._settings import Resolved, resolve
from asyncmigrate.errors import InvalidSetting

PYPROJECT: Final = "pyproject.toml"
OWN: Final = "asyncmigrate.toml"
_PACKAGE: Final = "package:"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a configuration file says, and where it is; empty when there is none."""

    values: Mapping[str, object] = field(default_factory=dict)
    path: Path | None = None

    @property
    def shown(self) -> str:
        """The file's name as seen from the working directory."""
        return _from_here(self.path) if self.path else PYPROJECT


def load(
    options: Mapping[str, object],
    environment: Mapping[str, str] = os.environ,
    start: Path | None = None,
) -> Resolved:
    """Everything that holds, each value with where it came from.

    Raises:
        InvalidSetting: a setting does not exist or has no such value; a file cannot
            be read; both kinds of file stand in one folder.
    """
    file = find_file(start or Path.cwd())
    values = dict(file.values)
    if file.path is not None and "directory" in values:
        values["directory"] = _directories(values["directory"], file.path.parent)
    return resolve(options, environment, values, file.shown)


def find_file(start: Path) -> ConfigFile:
    """The configuration file that is in force in a folder."""
    for folder in (start, *start.parents):
        pyproject, own = folder / PYPROJECT, folder / OWN
        table = _pyproject_table(pyproject)
        if own.is_file():
            if table is not None:
                message = (
                    f"both {_from_here(own)} and [tool.asyncmigrate] in"
                    f" {_from_here(pyproject)} hold settings"
                )
                raise InvalidSetting(message, hint="keep one of them")
            return ConfigFile(_parse(own), own)
        if table is not None:
            return ConfigFile(table, pyproject)
    return ConfigFile()


def _pyproject_table(path: Path) -> Mapping[str, object] | None:
    try:
        # Most have no such table, and then nothing else in them is our business.
        if not may_hold_settings(path.read_bytes()):
            return None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        _refuse_file(path, error)
    tool = _parse(path).get("tool", {})
    if not isinstance(tool, dict) or "asyncmigrate" not in tool:
        return None
    table = tool["asyncmigrate"]
    if not isinstance(table, dict):
        message = f"{_from_here(path)}: `tool.asyncmigrate` is no table"
        raise InvalidSetting(
            message, hint="write `[tool.asyncmigrate]` and the settings below it"
        )
    return table


def _parse(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - most projects have no such table

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        _refuse_file(path, error)


def _refuse_file(path: Path, error: Exception) -> NoReturn:
    reason = (isinstance(error, OSError) and error.strerror) or str(error)
    message = f"{_from_here(path)} cannot be read: {reason}"
    raise InvalidSetting(message)


def _directories(value: object, folder: Path) -> object:
    """The directories of a file, as seen from the working directory."""
    if isinstance(value, str):
        return [_directory(part.strip(), folder) for part in value.split(",")]
    if isinstance(value, list):
        return [_directory(part, folder) for part in value]
    return value


def _directory(value: object, folder: Path) -> object:
    if not isinstance(value, str) or value.startswith(_PACKAGE):
        return value
    return _from_here(folder / value)


def _from_here(path: Path) -> str:
    """*path*, relative to the working directory when it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
