"""Values of every kind that a reader is shown."""

from datetime import UTC, datetime

from asyncmigrate._migration import Blocker, Direction, Holder
from asyncmigrate.errors import Conflict
from asyncmigrate.results import (
    HistoryEntry,
    MigrationResult,
    MigrationStatus,
    Outcome,
    Standing,
    Status,
)

NOON = datetime(2026, 3, 15, 12, 0, 5, tzinfo=UTC)
NASTY = "drop\x1b[2J\x1b]0;owned\x07 \u202etable\nerror: all is well"
"""A name that would clear the screen, rename the window and forge a line."""

HOLDER = Holder(
    run_id="7d0c",
    locked_by="web-1, process 17",
    beat=3,
    held_for=75.0,
    backend_pid=4711,
    current_version="0002",
    progress="2 of 5",
    locked_at=NOON,
)
BLOCKER = Blocker(
    pid=4711,
    user="app",
    application="web",
    seconds=30.1,
    query="SELECT *\n  FROM orders\n  FOR UPDATE",
    lock="AccessExclusiveLock on orders",
)
CONFLICT = Conflict(
    kind="edited",
    message="0002 was edited after it had been applied",
    hint="put it back, or `asyncmigrate repair --accept-checksums`",
    version="0002",
    file="0002_orders.sql",
    diff="--- stored\n+++ 0002_orders.sql\n@@ -1 +1 @@\n-id int\n+id bigint\n",
)
STATUS = Status(
    namespace="default",
    migrations=(
        MigrationStatus(
            version="0001",
            name="create users",
            status=Standing.APPLIED,
            applied_at=NOON,
            execution_time_ms=12,
            file="0001_create_users.sql",
        ),
        MigrationStatus(
            version="0002",
            name="orders, whose name goes on and on and does not end here",
            status=Standing.MODIFIED,
            applied_at=NOON,
            execution_time_ms=65_000,
        ),
        MigrationStatus(version="0003", name="", status=Standing.PENDING),
        MigrationStatus(version="0004", name=NASTY, status=Standing.PENDING),
    ),
    lock=HOLDER,
    problems=("0002 was edited after it had been applied",),
)
HISTORY = (
    HistoryEntry(
        at=NOON,
        what="up",
        version="0001",
        name="create users",
        actor="web-1, process 17",
        run_id="7d0c",
        release="1.4",
        execution_time_ms=12,
    ),
    HistoryEntry(
        at=NOON,
        what="checksum accepted",
        version="0001",
        name=None,
        actor="anna",
        run_id="8e1d",
        detail="from sha256:aa to sha256:bb",
    ),
)


def result(version: str, **given: object) -> MigrationResult:
    values: dict[str, object] = {
        "name": "create users",
        "direction": Direction.UP,
        "status": Outcome.APPLIED,
        "duration": 0.0124,
        "file": f"{version}_create_users.sql",
        "sql": "CREATE TABLE users (id int);",
    }
    return MigrationResult(version=version, **(values | given))  # type: ignore[arg-type]  # a sample's fields
