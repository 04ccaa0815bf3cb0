"""Settings: one frozen value, made normal at the door and trusted inside.

The only module that names an environment variable. Where each value came from is
kept beside it, for `asyncmigrate config` and for errors.
"""

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from asyncmigrate._durations import parse_duration
from asyncmigrate.errors import InvalidSetting

DATABASE_URL: Final = "DATABASE_URL"
PREFIX: Final = "ASYNCMIGRATE_"
TEST_PREFIX: Final = "ASYNCMIGRATE_TEST_"
PYTEST_DSN: Final = "ASYNCMIGRATE_PYTEST_DSN"
"""The server of an application's own tests."""
SWITCHES: Final = frozenset({"ASYNCMIGRATE_FAST", PYTEST_DSN})
"""Variables that are no setting."""
PLACEHOLDERS: Final = ("FP__", "FLYWAY_PLACEHOLDERS_")
"""What stands before the name of a placeholder in a variable that holds its value."""

Connect = Callable[[], Awaitable[Any]]
"""An async factory of asyncpg connections; only `_database` may name the driver."""


class Origin(StrEnum):
    """Where a value came from; the later ones win."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    OPTION = "option"


class StoreScripts(StrEnum):
    """Which texts are kept in the database."""

    ALL = "all"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a run can be told. Times are seconds."""

    dsn: str | None = None
    """URL of the database; what it leaves out comes from ``PG*`` variables."""
    connect: Connect | None = None
    """Async factory of asyncpg connections, instead of `dsn`; the library's alone."""
    directory: tuple[str, ...] = ("migrations",)
    """Where the migrations are: paths, or ``package:myapp/migrations``."""
    format: str | None = None
    """The layout of the directory; recognised from the files when null."""
    skip: tuple[str, ...] = ()
    """Files to leave out: patterns of names or paths, such as ``*.go``."""
    placeholders: Mapping[str, str] = field(default_factory=dict)
    """Values by name for the placeholders in the files of other tools."""
    namespace: str = "default"
    """Whose migrations these are; each namespace has versions and a lock of its own."""
    tracking_schema: str = "asyncmigrate"
    """The schema of the history and lock tables."""
    lock_wait: float = 300.0
    """How long another run is waited for; then exit 3."""
    lease_ttl: float = 30.0
    """How long a run that shows no sign of life keeps the lock."""
    lock_timeout: float = 5.0
    """How long a statement waits for a table lock; 0 is for ever."""
    lock_retries: int = 10
    """How often a migration is tried when a table lock was not to be had."""
    block_limit: float = 15.0
    """How long a migration may hold up another session; infinite when off."""
    statement_timeout: float = 0.0
    """How long one statement may take; 0 is for ever."""
    concurrent_timeout: float = 0.0
    """The same for a CONCURRENTLY statement; 0 is for ever."""
    cleanup_grace: float = 5.0
    """How long rolling back and releasing may take before the connection is cut."""
    wait_for_database: float = 0.0
    """How long a database that does not answer yet is waited for."""
    store_scripts: StoreScripts = StoreScripts.ALL
    """Which texts are kept in the database, for diffs and for roll-backs."""
    readers: tuple[str, ...] = ()
    """Roles that may read the tracking tables."""
    role: str | None = None
    """The role that scripts run under; the history is written by the login role."""
    allow_out_of_order: bool = False
    """Whether a pending version below the newest applied one is applied all the same."""
    allow_pooler: bool = False
    """Whether a session-pooling pooler may stand between; for those who know."""
    single_transaction: bool = False
    """Whether everything pending is applied in one transaction, or nothing."""
    protected: bool = False
    """Whether commands that undo or mark ask first."""
    release: str | None = None
    """The release of the application, kept with each history row."""

    @property
    def lease_interval(self) -> float:
        """Seconds between two beats of the keeper: a third of ``lease_ttl``."""
        return self.lease_ttl / 3


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, Sequence):
        return tuple(_text(part) for part in value)
    raise TypeError


def _pairs(value: object) -> Mapping[str, str]:
    if isinstance(value, Mapping):
        return {_text(name): _text(given) for name, given in value.items()}
    pairs = [part.partition("=") for part in _texts(value)]
    if not all(name and equals for name, equals, _ in pairs):
        raise ValueError
    return {name.strip(): given for name, _, given in pairs}


def placeholder_lookup(
    given: Mapping[str, str], environment: Mapping[str, str]
) -> Callable[[str], str | None]:
    """How a placeholder's value is found: in the setting, then in the environment.

    Upper and lower case are one, as in Flyway.
    """
    values = {
        variable[len(prefix) :].lower(): value
        for prefix in reversed(PLACEHOLDERS)
        for variable, value in environment.items()
        if variable.upper().startswith(prefix)
    }
    values |= {name.lower(): value for name, value in given.items()}
    return lambda name: values.get(name.lower())


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    return words[_text(value).strip().lower()]


def _seconds(value: object) -> float:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, (int, float)):
        if value < 0 or math.isnan(value):
            raise ValueError
        return float(value)
    return parse_duration(_text(value))


def _limit(value: object) -> float:
    if value is None or (isinstance(value, str) and value.strip().lower() == "off"):
        return math.inf
    return _seconds(value)


def _positive(value: object) -> float:
    seconds = _seconds(value)
    if seconds <= 0:
        raise ValueError
    return seconds


def _count(value: object) -> int:
    number = int(_text(value)) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError
    return number


def _kept(value: object) -> str:
    """Read a text that the database is to keep, in UTF-8 and without a NUL."""
    text = _text(value)
    if not text or b"\0" in text.encode():
        raise ValueError
    return text


def _name(value: object) -> str:
    text = _kept(value)
    if len(text.encode()) > 63:  # noqa: PLR2004 - NAMEDATALEN - 1
        raise ValueError
    return text


@dataclass(frozen=True, slots=True)
class _Reader:
    read: Callable[[object], object]
    wants: str


_DURATION: Final = _Reader(_seconds, "a duration such as `5s`, `10min` or a number")
_READERS: Final[Mapping[str, _Reader]] = {
    "dsn": _Reader(_text, "a URL such as `postgresql://user@host/database`"),
    "directory": _Reader(_texts, "a path, or several"),
    "format": _Reader(_text, "the name of a layout"),
    "skip": _Reader(_texts, "patterns of file names"),
    "placeholders": _Reader(_pairs, "a table of names and values, or `name=value,…`"),
    "namespace": _Reader(_kept, "a name"),
    "tracking_schema": _Reader(_name, "a name of at most 63 bytes"),
    "lock_wait": _DURATION,
    "lease_ttl": _Reader(_positive, "a duration above zero"),
    "lock_timeout": _DURATION,
    "lock_retries": _Reader(_count, "a number from 1 on"),
    "block_limit": _Reader(_limit, "a duration, or `off`"),
    "statement_timeout": _DURATION,
    "concurrent_timeout": _DURATION,
    "cleanup_grace": _DURATION,
    "wait_for_database": _DURATION,
    "store_scripts": _Reader(
        lambda v: StoreScripts(_text(v)), "`all`, `down` or `none`"
    ),
    "readers": _Reader(_texts, "names of roles"),
    "role": _Reader(_name, "the name of a role"),
    "allow_out_of_order": _Reader(_flag, "true or false"),
    "allow_pooler": _Reader(_flag, "true or false"),
    "single_transaction": _Reader(_flag, "true or false"),
    "protected": _Reader(_flag, "true or false"),
    "release": _Reader(_kept, "a text"),
}


def known_settings() -> tuple[str, ...]:
    """The names of all settings that a file, the environment or an option can give."""
    return tuple(_READERS)


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The known name that *name* was probably meant to be."""
    import difflib  # noqa: PLC0415 - for what is misspelt alone

    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return found[0] if found else None


def _read(name: str, value: object, where: str) -> object:
    reader = _READERS[name]
    try:
        return reader.read(value)
    except (TypeError, ValueError, KeyError):
        secret = name in {"dsn", "placeholders"}
        shown = "a value that is not shown" if secret else repr(value)
        message = f"{where}: {shown} is no value for `{name}`"
        raise InvalidSetting(message, hint=f"give {reader.wants}") from None


def _no_setting(name: str, written: str, where: str = "") -> InvalidSetting:
    near = nearest(name, known_settings())
    message = f"{where}there is no setting `{written}`"
    return InvalidSetting(message, hint=f"did you mean `{near}`?" if near else None)


def _is_setting(variable: str) -> bool:
    """Whether a variable of the environment can only be meant for us."""
    ours = variable.startswith(PREFIX) and not variable.startswith(TEST_PREFIX)
    return ours and variable not in SWITCHES


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, where each came from, and what was odd on the way."""

    settings: Settings
    origins: Mapping[str, tuple[Origin, str]] = field(default_factory=dict)
    """Of each setting: what kind of place it came from, and which one."""
    warnings: tuple[str, ...] = ()


def resolve(
    options: Mapping[str, object],
    environment: Mapping[str, str],
    file: Mapping[str, object],
    file_name: str = "pyproject.toml",
) -> Resolved:
    """Options over environment over file over defaults.

    Raises:
        InvalidSetting: a key that is not known, in options or in the file, with the
            nearest name; a value that cannot be read. An unknown ``ASYNCMIGRATE_*``
            variable is a warning only, since a newer release may know it.
    """
    values: dict[str, object] = {}
    origins: dict[str, tuple[Origin, str]] = {}
    warnings: list[str] = []

    for key, value in file.items():
        name = key.replace("-", "_")
        if name not in _READERS:
            raise _no_setting(name, key, f"{file_name}: ")
        values[name] = _read(name, value, file_name)
        origins[name] = (Origin.FILE, file_name)

    if environment.get(DATABASE_URL):
        values["dsn"] = environment[DATABASE_URL]
        origins["dsn"] = (Origin.ENVIRONMENT, DATABASE_URL)
    for variable in environment:
        if not _is_setting(variable):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in _READERS:
            values[name] = _read(name, environment[variable], variable)
            origins[name] = (Origin.ENVIRONMENT, variable)
        else:
            near = nearest(name, known_settings())
            meant = f"; did you mean {PREFIX}{near.upper()}?" if near else ""
            warnings.append(f"there is no setting for {variable}{meant}")

    for name, value in options.items():
        if value is None:
            continue
        values[name] = _read(name, value, f"--{name.replace('_', '-')}")
        origins[name] = (Origin.OPTION, f"--{name.replace('_', '-')}")

    for each in fields(Settings):
        origins.setdefault(each.name, (Origin.DEFAULT, ""))
    return Resolved(Settings(**values), origins, tuple(warnings))  # type: ignore[arg-type]  # each value went through its reader


def from_arguments(values: Mapping[str, object]) -> Settings:
    """Settings from a library call's keyword arguments.

    Raises:
        InvalidSetting: an argument of that name does not exist, or not with that value.
    """
    read: dict[str, object] = {}
    for name, value in values.items():
        if name == "connect":
            read[name] = value
        elif name not in _READERS:
            raise _no_setting(name, name)
        elif value is not None or name == "block_limit":
            read[name] = _read(name, value, f"`{name}=`")
    return Settings(**read)  # type: ignore[arg-type]  # each value went through its reader


def mask(dsn: str) -> str:
    """*dsn* as it may be shown: without its password, wherever it stands.

    Whatever stands before the last ``@`` counts as user and password, since people
    forget to encode a ``/`` or ``?`` in them.
    """
    scheme, found, rest = dsn.strip().partition("://")
    if not found or not re.fullmatch(r"\w+(\+\w+)?", scheme):
        return "(a DSN that cannot be read)"
    userinfo, at, place = rest.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    if not at and not re.match(r"(?:\[|[^/:]*(?::\d*)?(?:[/,]|$))", place):
        return "(a DSN that cannot be read)"
    place, mark, query = place.partition("?")
    hidden = "&".join(
        f"{key}=***" if "pass" in key.lower() else f"{key}{eq}{value}"
        for key, eq, value in (pair.partition("=") for pair in query.split("&"))
    )
    return f"{scheme}://{user}{colon and ':***'}{at}{place}{mark}{hidden}"
