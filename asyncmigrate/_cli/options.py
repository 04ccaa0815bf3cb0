"""Every option that more than one command has: settings, and how output looks.

Values of settings stay text here; `_settings` reads them, as it reads those of the
environment and of files, so that one mistake has one message. Two readers of a command
line are made of these: typer's (`typed`) and the plain one (`plain`).
"""

from typing import Final, NamedTuple

CONNECTION: Final = "Database and files"
LIMITS: Final = "Locks and limits"
BEHAVIOUR: Final = "What is done"
OUTPUT: Final = "Output"


class Option(NamedTuple):
    """An option, but for its name."""

    help: str
    metavar: str = ""
    """What its value is called; of a switch, nothing."""
    panel: str | None = None
    """The heading under which the help shows it."""
    short: str | None = None
    flag: bool = False
    """A setting that is switched on and, with ``--no-``, off."""
    multiple: bool = False
    completes_versions: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether it takes no value and is off unless it is given."""
        return not self.metavar and not self.flag


def spelt(name: str) -> str:
    """How an option is typed: ``--dry-run``."""
    return f"--{name.replace('_', '-')}"


_D: Final = "DURATION"
SETTINGS: Final[dict[str, Option]] = {
    "dsn": Option(
        "The database, as a URL; else DATABASE_URL and PG* variables.",
        "URL",
        CONNECTION,
    ),
    "directory": Option(
        "Where the migrations are; may be given more than once. [migrations]",
        "PATH",
        CONNECTION,
        short="-d",
        multiple=True,
    ),
    "namespace": Option(
        "Whose migrations these are; each has versions and a lock of its own.",
        "NAME",
        CONNECTION,
    ),
    "format": Option(
        "The layout of the directory; else recognised from the files.",
        "NAME",
        CONNECTION,
    ),
    "skip": Option(
        "Files to leave out, such as '*.go'; may be given more than once.",
        "PATTERN",
        CONNECTION,
        multiple=True,
    ),
    "tracking_schema": Option(
        "The schema of the history and lock tables. [asyncmigrate]",
        "NAME",
        CONNECTION,
    ),
    "wait_for_database": Option(
        "How long a database that does not answer yet is waited for. [0]",
        _D,
        CONNECTION,
    ),
    "allow_pooler": Option(
        "Let a session-pooling pooler stand between; for those who know.",
        "",
        CONNECTION,
        flag=True,
    ),
    "lock_wait": Option(
        "How long another run is waited for; then exit 3. [5min]", _D, LIMITS
    ),
    "lease_ttl": Option(
        "How long a run without a sign of life keeps the lock. [30s]", _D, LIMITS
    ),
    "lock_timeout": Option(
        "How long a statement waits for a table lock. [5s]", _D, LIMITS
    ),
    "lock_retries": Option(
        "How often a migration is tried when a table lock was not free. [10]",
        "N",
        LIMITS,
    ),
    "block_limit": Option(
        "How long a migration may hold up another session, or `off`. [15s]", _D, LIMITS
    ),
    "statement_timeout": Option(
        "How long one statement may take; 0 is for ever. [0]", _D, LIMITS
    ),
    "concurrent_timeout": Option(
        "The same for a CONCURRENTLY statement. [0]", _D, LIMITS
    ),
    "cleanup_grace": Option(
        "How long rolling back may take before the connection is cut. [5s]", _D, LIMITS
    ),
    "allow_out_of_order": Option(
        "Apply pending versions below the newest applied one as well.",
        "",
        BEHAVIOUR,
        flag=True,
    ),
    "single_transaction": Option(
        "Apply everything pending in one transaction, or nothing.",
        "",
        BEHAVIOUR,
        flag=True,
    ),
    "role": Option(
        "The role that scripts run under; the history is the login role's.",
        "NAME",
        BEHAVIOUR,
    ),
    "store_scripts": Option(
        "Which texts are kept in the database. [all]", "all|down|none", BEHAVIOUR
    ),
    "readers": Option(
        "Roles that may read the tracking tables, with commas between.",
        "NAMES",
        BEHAVIOUR,
    ),
    "release": Option(
        "The application's release, kept with each history row.", "TEXT", BEHAVIOUR
    ),
    "protected": Option(
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

COMMON: Final[dict[str, Option]] = {
    "json": Option(
        "One JSON document on standard output, whatever happens.", panel=OUTPUT
    ),
    "quiet": Option("Only errors and warnings.", panel=OUTPUT, short="-q"),
    "verbose": Option(
        "Every event, with the time; statements in full.", panel=OUTPUT, short="-v"
    ),
    "log_format": Option("How standard error is written. [text]", "text|json", OUTPUT),
}
YES: Final = Option("Do not ask, although `protected` is set.", short="-y")
DRY_RUN: Final = Option("Show what would run, with its SQL; change nothing.")
