"""The JSON document has the keys of the contract, whatever it tells of."""

import json

from inline_snapshot import snapshot

from asyncmigrate._readers.document import (
    document,
    dump,
    history_entry,
    plan_entries,
    status_keys,
)
from asyncmigrate._version import __version__
from asyncmigrate.errors import (
    ConflictsFound,
    LockNotAcquired,
    MigrationFailed,
    TableLockNotAcquired,
    UnknownVersion,
)
from asyncmigrate.results import MigrationReport, Outcome
from tests.readers.samples import BLOCKER, CONFLICT, HISTORY, STATUS, result


def test_a_run_is_told_with_every_key_of_the_contract() -> None:
    content = document(
        "migrate",
        namespace="default",
        run_id="7d0c",
        warnings=["look here"],
        results=[result("0001")],
    )

    assert content == {
        "format": 1,
        "command": "migrate",
        "ok": True,
        "tool_version": __version__,
        "namespace": "default",
        "run_id": "7d0c",
        "warnings": ["look here"],
        "results": [
            {
                "version": "0001",
                "name": "create users",
                "direction": "up",
                "status": "applied",
                "execution_time_ms": 12,
                "error": None,
                "file": "0001_create_users.sql",
                "attempts": 1,
                "source": "file",
            }
        ],
        "error": None,
    }


def test_a_failure_is_told_with_its_place_and_its_statement() -> None:
    error = MigrationFailed(
        'relation "users" does not exist',
        version="0002",
        file="0002_orders.sql",
        line=3,
        column=15,
        sqlstate="42P01",
        statement="SELECT * FROM users",
        hint="create it first",
    )

    content = document("migrate", ok=False, error=error)["error"]

    assert content == snapshot(
        {
            "code": "migration_failed",
            "message": 'relation "users" does not exist',
            "version": "0002",
            "file": "0002_orders.sql",
            "line": 3,
            "sqlstate": "42P01",
            "statement": "SELECT * FROM users",
            "hint": "create it first",
            "column": 15,
            "detail": None,
            "exit_status": 1,
        }
    )


def test_what_an_error_knows_of_others_is_told() -> None:
    stuck = TableLockNotAcquired(
        tries=3, lock_timeout=5, blockers=[BLOCKER], version="0002"
    )
    lost = LockNotAcquired(waited=300, holder="web-1")
    unknown = UnknownVersion("9", ["7", "8"], "among the files")
    conflicts = ConflictsFound([CONFLICT])

    told = [document("x", error=e)["error"] for e in (stuck, lost, unknown, conflicts)]

    assert (told[0]["tries"], told[0]["blockers"][0]["pid"]) == (3, 4711)
    assert (told[1]["waited"], told[1]["holder"]) == (300, "web-1")
    assert told[2]["nearest"] == ["7", "8"]
    assert told[3]["conflicts"] == [
        {
            "kind": "edited",
            "message": CONFLICT.message,
            "version": "0002",
            "file": "0002_orders.sql",
            "line": None,
            "column": None,
            "hint": CONFLICT.hint,
            "diff": CONFLICT.diff,
        }
    ]


def test_a_status_is_told_with_counts_lock_and_every_migration() -> None:
    assert status_keys(STATUS) == snapshot(
        {
            "applied": 2,
            "pending": 2,
            "last_applied": "0002",
            "healthy": False,
            "lock": {
                "run_id": "7d0c",
                "locked_by": "web-1, process 17",
                "held_for": 75.0,
                "backend_pid": 4711,
                "current_version": "0002",
                "progress": "2 of 5",
                "locked_at": "2026-03-15T12:00:05Z",
                "heartbeat_at": None,
            },
            "migrations": [
                {
                    "version": "0001",
                    "name": "create users",
                    "status": "applied",
                    "applied_at": "2026-03-15T12:00:05Z",
                    "execution_time_ms": 12,
                    "file": "0001_create_users.sql",
                    "repeatable": False,
                },
                {
                    "version": "0002",
                    "name": "orders, whose name goes on and on and does not end here",
                    "status": "modified",
                    "applied_at": "2026-03-15T12:00:05Z",
                    "execution_time_ms": 65000,
                    "file": None,
                    "repeatable": False,
                },
                {
                    "version": "0003",
                    "name": "",
                    "status": "pending",
                    "applied_at": None,
                    "execution_time_ms": None,
                    "file": None,
                    "repeatable": False,
                },
                {
                    "version": "0004",
                    "name": """\
drop\x1b[2J\x1b]0;owned\x07 \u202etable
error: all is well\
""",
                    "status": "pending",
                    "applied_at": None,
                    "execution_time_ms": None,
                    "file": None,
                    "repeatable": False,
                },
            ],
            "problems": ["0002 was edited after it had been applied"],
        }
    )


def test_an_audit_trail_is_told_in_utc() -> None:
    assert history_entry(HISTORY[0]) == snapshot(
        {
            "at": "2026-03-15T12:00:05Z",
            "what": "up",
            "version": "0001",
            "name": "create users",
            "actor": "web-1, process 17",
            "run_id": "7d0c",
            "release": "1.4",
            "execution_time_ms": 12,
            "detail": None,
        }
    )


def test_a_dry_run_tells_what_would_run() -> None:
    report = MigrationReport(
        (result("0001", status=Outcome.SKIPPED), result("0007", sql=None)),
        dry_run=True,
    )

    assert plan_entries(report) == [
        {
            "version": "0001",
            "name": "create users",
            "direction": "up",
            "file": "0001_create_users.sql",
            "sql": "CREATE TABLE users (id int);",
        },
        {
            "version": "0007",
            "name": "create users",
            "direction": "up",
            "file": "0007_create_users.sql",
            "sql": None,
        },
    ]


def test_a_document_is_one_line_of_ascii() -> None:
    text = dump(document("new", warnings=["\x1b[31m 顧客 \udc80"]))

    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["warnings"] == ["\x1b[31m 顧客 \udc80"]
    assert dump({"a": 1}, indent=True) == '{\n  "a": 1\n}'
