"""Events as JSON lines, and as records of the standard library."""

import io
import json
import logging
from typing import Any

import pytest
from inline_snapshot import snapshot

from asyncmigrate import events
from asyncmigrate._readers.logs import JsonLines, LoggerReader
from asyncmigrate._readers.secrets import Redactor
from asyncmigrate.errors import MigrationFailed
from tests.readers.samples import BLOCKER, NOON

APPLIED = events.MigrationApplied(
    version="0001", title="users", duration=0.2, number=1, total=1
)
BLOCKING = events.OthersBlocked(
    version="0001", longest=2.0, limit=float("inf"), blocked=(BLOCKER,)
)


def test_each_event_is_one_json_object_with_its_fields() -> None:
    stream = io.StringIO()
    write = JsonLines(stream, clock=lambda: NOON)

    write(APPLIED)
    write(BLOCKING)

    assert [json.loads(line) for line in stream.getvalue().splitlines()] == snapshot(
        [
            {
                "time": "2026-03-15T12:00:05.000Z",
                "level": "info",
                "event": "migration.applied",
                "version": "0001",
                "title": "users",
                "duration": 0.2,
                "number": 1,
                "total": 1,
                "message": "[1/1] applied 0001 users in 0.20 s",
            },
            {
                "time": "2026-03-15T12:00:05.000Z",
                "level": "warning",
                "event": "block.watching",
                "version": "0001",
                "longest": 2.0,
                "limit": None,
                "blocked": [
                    {
                        "pid": 4711,
                        "user": "app",
                        "application": "web",
                        "seconds": 30.1,
                        "query": """\
SELECT *
  FROM orders
  FOR UPDATE\
""",
                        "lock": "AccessExclusiveLock on orders",
                        "idle": False,
                    }
                ],
                "message": "0001: holding up 1 session(s), the longest for 2.0 s",
            },
        ]
    )


def test_how_it_failed_is_a_json_object_as_well() -> None:
    stream = io.StringIO()
    redact = Redactor()
    redact.learn("postgresql://app:s3cr3t!x@db/shop")
    write = JsonLines(stream, clock=lambda: NOON, redact=redact)

    write.warning("look here")
    write.error(MigrationFailed("it broke at s3cr3t!x", sqlstate="42P01"), "trace")

    warning, error = map(json.loads, stream.getvalue().splitlines())
    assert (warning["level"], warning["message"]) == ("warning", "look here")
    assert (error["level"], error["event"]) == ("error", "command.failed")
    assert (error["message"], error["sqlstate"]) == ("it broke at ***", "42P01")
    assert (error["code"], error["traceback"]) == ("migration_failed", "trace")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, ["block.watching", "migration.applied"]),
        ({"quiet": True}, ["block.watching"]),
        (
            {"verbose": True},
            ["block.watching", "migration.applied", "statement.progress"],
        ),
    ],
)
def test_levels_are_left_out_as_asked(
    options: dict[str, Any], shown: list[str]
) -> None:
    stream = io.StringIO()
    write = JsonLines(stream, **options)

    write(BLOCKING)
    write(APPLIED)
    write(events.Progressed(version="1", phase="scanning", done=1, total=2))

    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert told == shown


def test_a_host_application_logs_with_its_own_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    read = LoggerReader(logging.getLogger("shop.migrations"))

    read(APPLIED)
    read(BLOCKING)

    first, second = caplog.records
    assert (first.name, first.levelno) == ("shop.migrations", logging.INFO)
    assert first.getMessage() == str(APPLIED)
    assert vars(first)["event"] == "migration.applied"
    assert vars(first)["migration"] is APPLIED
    assert second.levelno == logging.WARNING
