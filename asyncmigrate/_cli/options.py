"""Every option that more than one command has: settings, and how output looks.

Values of settings stay text here; `_settings` reads them, as it reads those of the
environment and of files, so that one mistake has one message.
"""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

CONNECTION: Final = "Database and files"
LIMITS: Final = "Locks and limits"
BEHAVIOUR: Final = "What is done"
OUTPUT: Final = "Output"


@dataclass(frozen=True, slots=True)
class SettingOption:
    """A setting as an option."""

    help: str
    metavar: str
    panel: str
    short: str | None = None
    flag: bool = False
    multiple: bool = False


_D: Final = "DURATION"
SETTINGS: Final[dict[str, SettingOption]] = {
    "dsn": SettingOption(
        "The database, as a URL; else DATABASE_URL and PG* variables.",
        "URL",
        CONNECTION,
    ),
    "directory": SettingOption(
        "Where the migrations are; may be given more than once. [migrations]",
        "PATH",
        CONNECTION,
        short="-d",
        multiple=True,
    ),
    "namespace": SettingOption(
        "Whose migrations these are; each has versions and a lock of its own.",
        "NAME",
        CONNECTION,
    ),
    "format": SettingOption(
        "The layout of the directory; else recognised from the files.",
        "NAME",
        CONNECTION,
    ),
    "skip": SettingOption(
        "Files to leave out, such as '*.go'; may be given more than once.",
        "PATTERN",
        CONNECTION,
        multiple=True,
    ),
    "tracking_schema": SettingOption(
        "The schema of the history and lock tables. [asyncmigrate]",
        "NAME",
        CONNECTION,
    ),
    "wait_for_database": SettingOption(
        "How long a database that does not answer yet is waited for. [0]",
        _D,
        CONNECTION,
    ),
    "allow_pooler": SettingOption(
        "Let a session-pooling pooler stand between; for those who know.",
        "",
        CONNECTION,
        flag=True,
    ),
    "lock_wait": SettingOption(
        "How long another run is waited for; then exit 3. [5min]", _D, LIMITS
    ),
    "lease_ttl": SettingOption(
        "How long a run without a sign of life keeps the lock. [30s]", _D, LIMITS
    ),
    "lock_timeout": SettingOption(
        "How long a statement waits for a table lock. [5s]", _D, LIMITS
    ),
    "lock_retries": SettingOption(
        "How often a migration is tried when a table lock was not free. [10]",
        "N",
        LIMITS,
    ),
    "block_limit": SettingOption(
        "How long a migration may hold up another session, or `off`. [15s]", _D, LIMITS
    ),
    "statement_timeout": SettingOption(
        "How long one statement may take; 0 is for ever. [0]", _D, LIMITS
    ),
    "concurrent_timeout": SettingOption(
        "The same for a CONCURRENTLY statement. [0]", _D, LIMITS
    ),
    "cleanup_grace": SettingOption(
        "How long rolling back may take before the connection is cut. [5s]", _D, LIMITS
    ),
    "allow_out_of_order": SettingOption(
        "Apply pending versions below the newest applied one as well.",
        "",
        BEHAVIOUR,
        flag=True,
    ),
    "single_transaction": SettingOption(
        "Apply everything pending in one transaction, or nothing.",
        "",
        BEHAVIOUR,
        flag=True,
    ),
    "role": SettingOption(
        "The role that scripts run under; the history is the login role's.",
        "NAME",
        BEHAVIOUR,
    ),
    "store_scripts": SettingOption(
        "Which texts are kept in the database. [all]", "all|down|none", BEHAVIOUR
    ),
    "readers": SettingOption(
        "Roles that may read the tracking tables, with commas between.",
        "NAMES",
        BEHAVIOUR,
    ),
    "release": SettingOption(
        "The application's release, kept with each history row.", "TEXT", BEHAVIOUR
    ),
    "protected": SettingOption(
        "Ask before anything is undone or marked.", "", BEHAVIOUR, flag=True
    ),
}

FILES: Final = ("directory", "format", "skip")
READ: Final = (
    "dsn",
    "directory",
    "namespace",
    "format",
    "skip",
    "tracking_schema",
    "wait_for_database",
)
RECORD: Final = (
    *READ,
    "allow_pooler",
    "lock_wait",
    "lease_ttl",
    "cleanup_grace",
    "store_scripts",
    "readers",
    "release",
)
RUN: Final = (
    *RECORD,
    "lock_timeout",
    "lock_retries",
    "block_limit",
    "statement_timeout",
    "concurrent_timeout",
    "role",
)

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Show what would run, with its SQL; change nothing."
    ),
]

_COMMON: Final[dict[str, tuple[Any, object]]] = {
    "json": (
        Annotated[
            bool,
            typer.Option(
                "--json",
                help="One JSON document on standard output, whatever happens.",
                rich_help_panel=OUTPUT,
            ),
        ],
        False,
    ),
    "quiet": (
        Annotated[
            bool,
            typer.Option(
                "--quiet",
                "-q",
                help="Only errors and warnings.",
                rich_help_panel=OUTPUT,
            ),
        ],
        False,
    ),
    "verbose": (
        Annotated[
            bool,
            typer.Option(
                "--verbose",
                "-v",
                help="Every event, with the time; statements in full.",
                rich_help_panel=OUTPUT,
            ),
        ],
        False,
    ),
    "log_format": (
        Annotated[
            str | None,
            typer.Option(
                "--log-format",
                metavar="text|json",
                help="How standard error is written. [text]",
                rich_help_panel=OUTPUT,
            ),
        ],
        None,
    ),
}
COMMON: Final = tuple(_COMMON)
_YES: Final = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask, although `protected` is set."),
]


def parameters(settings: Iterable[str], *, confirms: bool) -> list[inspect.Parameter]:
    """The shared options of a command, as parameters for typer to read."""
    found = []
    if confirms:
        found.append(_parameter("yes", _YES, default=False))
    found += [_parameter(name, _annotation(name), None) for name in settings]
    found += [_parameter(name, *_COMMON[name]) for name in COMMON]
    return found


def _parameter(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _annotation(name: str) -> object:
    setting = SETTINGS[name]
    flag = f"--{name.replace('_', '-')}"
    names = [flag, f"{flag}/--no-{flag[2:]}"][setting.flag :][:1]
    if setting.short:
        names.append(setting.short)
    option = typer.Option(
        *names,
        help=setting.help,
        metavar=setting.metavar or None,
        rich_help_panel=setting.panel,
        show_default=False,
    )
    if setting.flag:
        return Annotated[bool | None, option]
    if setting.multiple:
        return Annotated[list[str] | None, option]
    return Annotated[str | None, option]
