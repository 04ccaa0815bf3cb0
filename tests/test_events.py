"""Every event says itself in a line."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from asyncmigrate import events
from asyncmigrate._migration import Blocker, Direction
from asyncmigrate.events import Event

BLOCKER = Blocker(pid=7, user="app", application=None, seconds=None, query=None)

SAMPLES: dict[Event, str] = {
    events.Connecting(error="refused", waited=2.4): (
        "waiting for the database (2 s): refused"
    ),
    events.Planned(run_id="r", steps=1): "1 migration to run",
    events.Planned(run_id="r", steps=2): "2 migrations to run",
    events.LockWaiting(holder="me@host", held_for=61.2, waited=3.0, retry_in=0.5): (
        "waiting for the lock: me@host has held it for 61 s"
    ),
    events.LockAcquired(fencing_token=4, waited=0.04): "lock acquired after 0.0 s",
    events.LockTakenOver(holder="me@host", backend_pid=9): (
        "ended backend 9 of a dead run: me@host"
    ),
    events.Unattended(reason="no slot"): (
        "running unattended (no lease, no block limit): no second connection: no slot"
    ),
    events.ConnectionLost(error="reset", version=None): (
        "connection lost, connecting again: reset"
    ),
    events.ConnectionLost(error="reset", version="3"): (
        "connection lost during 3, connecting again: reset"
    ),
    events.MigrationStarted(
        version="3", title="users", direction=Direction.UP, number=1, total=2
    ): "[1/2] applying 3 users",
    events.MigrationStarted(
        version="3",
        title="users",
        direction=Direction.DOWN,
        number=1,
        total=2,
        attempt=4,
    ): "[1/2] rolling back 3 users, try 4",
    events.StatementFinished(version="3", number=1, total=2, duration=0.128): (
        "3: statement 1 of 2 done in 0.13 s"
    ),
    events.TableLockWaiting(version="3", waited=1.5, blockers=(BLOCKER,)): (
        "3: waiting 1.5 s for a lock held by pid 7, user app"
    ),
    events.MigrationRetried(
        version="3", attempt=1, of=10, retry_in=0.25, reason="timeout", sqlstate="55P03"
    ): "3: try 1 of 10 rolled back: timeout; again in 0.2 s",
    events.MigrationRetried(
        version="3",
        attempt=1,
        of=10,
        retry_in=0.3,
        reason="timeout",
        sqlstate=None,
        blockers=(BLOCKER,),
    ): "3: try 1 of 10 rolled back: timeout (held by pid 7, user app); again in 0.3 s",
    events.OthersBlocked(version="3", longest=2.0, limit=15.0, blocked=(BLOCKER,)): (
        "3: holding up 1 session(s), the longest for 2.0 s"
    ),
    events.Progressed(version="3", phase="building index", done=1, total=4): (
        "3: building index 25 %"
    ),
    events.Progressed(
        version="3", phase="waiting", done=0, total=0, waiting_for=(BLOCKER,)
    ): "3: waiting for pid 7, user app",
    events.Notice(version="3", severity="NOTICE", message="hello"): "3: NOTICE: hello",
    events.Notice(version=None, severity="WARNING", message="hm"): "WARNING: hm",
    events.MigrationApplied(
        version="3", title="users", duration=0.5, number=1, total=2
    ): "[1/2] applied 3 users in 0.50 s",
    events.MigrationRolledBack(
        version="3", title="users", duration=0.5, number=1, total=2, source="file"
    ): "[1/2] rolled back 3 users in 0.50 s (DOWN from the file)",
    events.MigrationRolledBack(
        version="3", title="users", duration=0.5, number=1, total=2, source="stored"
    ): "[1/2] rolled back 3 users in 0.50 s (DOWN from the database)",
    events.MigrationErred(
        version="3", title="u", error="first\nsecond", sqlstate=None, number=1, total=2
    ): "[1/2] failed 3: first",
    events.MigrationErred(
        version="3", title="u", error="", sqlstate=None, number=1, total=2
    ): "[1/2] failed 3: ",
    events.Recorded(event="baseline", version="3", detail="marked"): (
        "baseline 3: marked"
    ),
    events.Recorded(event="adopt", version=None, detail="took over"): (
        "adopt: took over"
    ),
    events.Warned(message="look"): "warning: look",
    events.Finished(applied=0, rolled_back=0, duration=1.0): "nothing to do",
    events.Finished(applied=2, rolled_back=1, duration=1.0): (
        "1 rolled back, 2 applied in 1.00 s"
    ),
    events.Finished(applied=2, rolled_back=0, duration=1.0): "2 applied in 1.00 s",
}


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(sample) for sample in SAMPLES} == set(get_args(Event))


@pytest.mark.parametrize("event", SAMPLES)
def test_an_event_says_itself_in_one_line(event: Event) -> None:
    assert str(event) == SAMPLES[event]
    assert "\n" not in str(event)


def test_each_kind_has_a_name_of_its_own_that_is_stable_and_dotted() -> None:
    names = [kind.name for kind in get_args(Event)]

    assert len(names) == len(set(names))
    assert [name for name in names if name.count(".") != 1] == []


def test_an_event_is_a_fact_and_cannot_be_changed() -> None:
    event = events.Warned(message="look")

    with pytest.raises(FrozenInstanceError):
        event.message = "away"  # type: ignore[misc]  # that is the point
