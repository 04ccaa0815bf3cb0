"""The JSON document: one on standard output, whatever happens.

Built from results and errors, never from events. Keys are only ever added, and a
reader of format 1 can rely on every key that it once saw.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from asyncmigrate._nouns import Blocker, Holder
from asyncmigrate._version import __version__
from asyncmigrate.errors import Conflict, MigrationError
from asyncmigrate.results import (
    HistoryEntry,
    MigrationReport,
    MigrationResult,
    MigrationStatus,
    Status,
)

FORMAT: Final = 1
Document = dict[str, Any]


def document(  # noqa: PLR0913 - the keys of the contract
    command: str | None,
    *,
    ok: bool = True,
    namespace: str | None = None,
    run_id: str | None = None,
    warnings: Iterable[str] = (),
    results: Iterable[MigrationResult] = (),
    error: MigrationError | None = None,
    more: Document | None = None,
) -> Document:
    """The document of any command; *more* is what this one adds."""
    return {
        "format": FORMAT,
        "command": command,
        "ok": ok,
        "tool_version": __version__,
        "namespace": namespace,
        "run_id": run_id,
        "warnings": list(warnings),
        "results": [result_entry(result) for result in results],
        "error": None if error is None else error_entry(error),
        **(more or {}),
    }


def dump(content: Document, *, indent: bool = False) -> str:
    """One line, or indented for people. ASCII, so that any stream and terminal bear it."""
    return json.dumps(content, indent=2 if indent else None, allow_nan=False)


def result_entry(result: MigrationResult) -> Document:
    """What one run did with one migration."""
    return {
        "version": result.version,
        "name": result.name,
        "direction": result.direction.value,
        "status": result.status.value,
        "execution_time_ms": result.execution_time_ms,
        "error": result.error,
        "file": result.file,
        "attempts": result.attempts,
        "source": result.source,
    }


def plan_entries(report: MigrationReport) -> list[Document]:
    """What a dry run found that would run, in order."""
    return [
        {
            "version": result.version,
            "name": result.name,
            "direction": result.direction.value,
            "file": result.file,
            "sql": result.sql,
        }
        for result in report
    ]


def error_entry(error: MigrationError) -> Document:
    """Everything that an error knows, its own fields after those that all have."""
    entry: Document = {
        "code": error.code,
        "message": error.message,
        "version": error.version,
        "file": error.file,
        "line": error.line,
        "sqlstate": error.sqlstate,
        "statement": error.statement,
        "hint": error.hint,
        "column": error.column,
        "detail": error.detail,
        "exit_status": error.exit_status,
    }
    for name in ("conflicts", "blockers", "blocked", "nearest"):
        values: Sequence[object] | None = getattr(error, name, None)
        if values is not None:
            entry[name] = [_plain(value) for value in values]
    for name in ("tries", "waited", "holder"):
        if hasattr(error, name):
            entry[name] = getattr(error, name)
    return entry


def _plain(value: object) -> object:
    if isinstance(value, Conflict):
        return conflict_entry(value)
    return asdict(value) if isinstance(value, Blocker) else str(value)


def conflict_entry(conflict: Conflict) -> Document:
    """One point on which files and history disagree."""
    return {
        "kind": conflict.kind,
        "message": conflict.message,
        "version": conflict.version,
        "file": conflict.file,
        "line": conflict.line,
        "column": conflict.column,
        "hint": conflict.hint,
        "diff": conflict.diff,
    }


def status_keys(status: Status) -> Document:
    """What `status` adds to the document."""
    return {
        "applied": status.applied,
        "pending": status.pending,
        "last_applied": status.last_applied,
        "healthy": status.healthy,
        "lock": None if status.lock is None else holder_entry(status.lock),
        "migrations": [migration_entry(m) for m in status.migrations],
        "problems": list(status.problems),
    }


def migration_entry(migration: MigrationStatus) -> Document:
    """How one migration stands."""
    return {
        "version": migration.version,
        "name": migration.name,
        "status": migration.status.value,
        "applied_at": moment(migration.applied_at),
        "execution_time_ms": migration.execution_time_ms,
        "file": migration.file,
        "repeatable": migration.repeatable,
    }


def holder_entry(holder: Holder) -> Document:
    """Who holds the lock."""
    return {
        "run_id": holder.run_id,
        "locked_by": holder.locked_by,
        "held_for": holder.held_for,
        "backend_pid": holder.backend_pid,
        "current_version": holder.current_version,
        "progress": holder.progress,
        "locked_at": moment(holder.locked_at),
        "heartbeat_at": moment(holder.heartbeat_at),
    }


def history_entry(entry: HistoryEntry) -> Document:
    """One line of the audit trail."""
    return {
        "at": moment(entry.at),
        "what": entry.what,
        "version": entry.version,
        "name": entry.name,
        "actor": entry.actor,
        "run_id": entry.run_id,
        "release": entry.release,
        "execution_time_ms": entry.execution_time_ms,
        "detail": entry.detail,
    }


def moment(at: datetime | None) -> str | None:
    """A point in time as ISO 8601, in UTC."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
