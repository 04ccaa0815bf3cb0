"""The tools whose history can be taken over: one small entry each.

An entry says how the tool's table is recognised, what its rows mean, and by what a
file is the one that a row stands for. How the table is read and locked is in
`_database.foreign` and `_database.foreign_locks`, by the same name.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from asyncmigrate._foreign import Brief, OldRow
from asyncmigrate._migration import MigrationFile
from asyncmigrate._plan import old_checksums, old_meanings
from asyncmigrate._plan.old_checksums import Verify
from asyncmigrate._plan.old_meanings import Meaning

_TEXT: Final = frozenset({"text", "character varying", "character"})
_NUMBER: Final = frozenset({"smallint", "integer", "bigint"})
_FLAG: Final = frozenset({"boolean"})
_TIME: Final = frozenset({"timestamp with time zone", "timestamp without time zone"})
_BYTES: Final = frozenset({"bytea"})
_TEXTS: Final = frozenset({"text[]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OldTool:
    """One tool whose history can be taken over."""

    name: str
    tables: tuple[str, ...]
    """What its table is called, unless told otherwise."""
    columns: Mapping[str, frozenset[str]]
    """Those that it must have, each with the types that are known."""
    optional: frozenset[str] = frozenset()
    """Those that it may have; any other makes it a table that is not known."""
    schema: str | None = None
    """Where it always is; null: anywhere."""
    companion: str | None = None
    """Another table in the same schema, which tells it from other tools' tables."""
    in_place: bool = True
    """Whether its files are read as they are; else only marks are taken over."""
    key_of: Callable[[MigrationFile], str]
    """What the tool knows a file by."""
    canonical: Callable[[str], str] = str
    """A row's key in the form of `key_of`."""
    read: Callable[[Sequence[OldRow]], Meaning] = old_meanings.everything
    verify: Verify | None = None
    remedy: str = "put the old text back"
    """What to do about a file that is not the one that was applied."""
    by_project: bool = False
    """Whether a row's kind is whose project it belongs to."""


def _digits(text: str) -> str:
    return str(int(text)) if text.isascii() and text.isdigit() else text


def _text(file: MigrationFile) -> str:
    return file.label


def _number(file: MigrationFile) -> str:
    return _digits(file.label)


def _base_name(file: MigrationFile) -> str:
    return file.file.rpartition("/")[2]


def _flyway(file: MigrationFile) -> str:
    if file.version is None:
        return f"R:{file.name.replace('_', ' ')}"
    return old_meanings.dotted(file.version.text)


def _graphile(name: str) -> str:
    found = re.match(r"[0-9]+", name)
    return _digits(found[0]) if found else name


OLD_TOOLS: Final[tuple[OldTool, ...]] = (
    OldTool(
        name="golang-migrate",
        tables=("schema_migrations",),
        columns={"version": _NUMBER, "dirty": _FLAG},
        key_of=_number,
        canonical=_digits,
        read=old_meanings.golang_migrate,
    ),
    OldTool(
        name="goose",
        tables=("goose_db_version",),
        columns={
            "id": _NUMBER,
            "version_id": _NUMBER,
            "is_applied": _FLAG,
            "tstamp": _TIME,
        },
        key_of=_number,
        canonical=_digits,
        read=old_meanings.goose,
    ),
    OldTool(
        name="dbmate",
        tables=("schema_migrations",),
        columns={"version": _TEXT},
        key_of=_text,
    ),
    OldTool(
        name="flyway",
        tables=("flyway_schema_history", "schema_version"),
        columns={
            "installed_rank": _NUMBER,
            "version": _TEXT,
            "description": _TEXT,
            "type": _TEXT,
            "script": _TEXT,
            "checksum": _NUMBER,
            "installed_by": _TEXT,
            "installed_on": _TIME,
            "execution_time": _NUMBER,
            "success": _FLAG,
        },
        key_of=_flyway,
        canonical=old_meanings.dotted,
        read=old_meanings.flyway,
        verify=old_checksums.flyway,
        remedy="put the old text back, or have Flyway accept the new one first"
        " (`flyway repair`)",
    ),
    OldTool(
        name="sqlx",
        tables=("_sqlx_migrations",),
        columns={
            "version": _NUMBER,
            "description": _TEXT,
            "installed_on": _TIME,
            "success": _FLAG,
            "checksum": _BYTES,
            "execution_time": _NUMBER,
        },
        key_of=_number,
        canonical=_digits,
        read=old_meanings.sqlx,
        verify=old_checksums.sqlx,
        remedy="put the old bytes back, line ends included (git may have changed"
        " them: see `.gitattributes`)",
    ),
    OldTool(
        name="diesel",
        tables=("__diesel_schema_migrations",),
        columns={"version": _TEXT, "run_on": _TIME},
        key_of=_text,
    ),
    OldTool(
        name="prisma",
        tables=("_prisma_migrations",),
        columns={
            "id": _TEXT,
            "checksum": _TEXT,
            "finished_at": _TIME,
            "migration_name": _TEXT,
            "logs": _TEXT,
            "rolled_back_at": _TIME,
            "started_at": _TIME,
            "applied_steps_count": _NUMBER,
        },
        key_of=_text,
        read=old_meanings.prisma,
        verify=old_checksums.prisma,
    ),
    OldTool(
        name="sql-migrate",
        tables=("gorp_migrations",),
        columns={"id": _TEXT, "applied_at": _TIME},
        key_of=_base_name,
    ),
    OldTool(
        name="supabase",
        tables=("schema_migrations",),
        columns={"version": _TEXT, "statements": _TEXTS, "name": _TEXT},
        # Those of the hosted platform.
        optional=frozenset({"created_by", "idempotency_key", "rollback"}),
        schema="supabase_migrations",
        key_of=_text,
    ),
    OldTool(
        name="graphile-migrate",
        tables=("migrations",),
        columns={
            "hash": _TEXT,
            "previous_hash": _TEXT,
            "filename": _TEXT,
            "date": _TIME,
        },
        schema="graphile_migrate",
        key_of=lambda file: _graphile(_base_name(file)),
        canonical=_graphile,
        verify=old_checksums.graphile,
    ),
    OldTool(
        name="sqitch",
        tables=("changes",),
        columns={
            "change_id": _TEXT,
            "script_hash": _TEXT,
            "change": _TEXT,
            "project": _TEXT,
            "note": _TEXT,
            "committed_at": _TIME,
            "committer_name": _TEXT,
            "committer_email": _TEXT,
            "planned_at": _TIME,
            "planner_name": _TEXT,
            "planner_email": _TEXT,
        },
        companion="projects",
        key_of=lambda file: file.name,
        verify=old_checksums.sqitch,
        by_project=True,
    ),
    OldTool(
        name="rails",
        tables=("schema_migrations",),
        columns={"version": _TEXT},
        companion="ar_internal_metadata",
        in_place=False,
        key_of=_number,
        canonical=_digits,
    ),
    OldTool(
        name="alembic",
        tables=("alembic_version",),
        columns={"version_num": _TEXT},
        in_place=False,
        key_of=_text,
        read=old_meanings.alembic,
    ),
    OldTool(
        name="yoyo",
        tables=("_yoyo_migration",),
        columns={
            "migration_hash": _TEXT,
            "migration_id": _TEXT,
            "applied_at_utc": _TIME,
        },
        in_place=False,
        key_of=_base_name,
    ),
    OldTool(
        name="tern",
        tables=("schema_version",),
        columns={"version": _NUMBER},
        in_place=False,
        key_of=_number,
        canonical=_digits,
        read=old_meanings.tern,
    ),
)
"""Every tool, in the order in which they are told."""

BY_NAME: Final = {tool.name: tool for tool in OLD_TOOLS}


Row = TypeVar("Row", OldRow, Brief)


def own_rows(tool: OldTool, rows: Iterable[Row], project: str) -> tuple[Row, ...]:
    """The rows of *project*, where the tool keeps several; else all."""
    if not tool.by_project or not project:
        return tuple(rows)
    return tuple(row for row in rows if _kind(row) == project)


def _kind(row: OldRow | Brief) -> str:
    return row.kind if isinstance(row, OldRow) else row[1]
