"""A line for each event, and none that says nothing new."""

import io
import re

from inline_snapshot import snapshot

from asyncmigrate import events
from asyncmigrate._migration import Direction
from asyncmigrate._readers.colour import Painter
from asyncmigrate._readers.lines import Lines
from tests.readers.samples import BLOCKER, NASTY

RUN = (
    events.Connecting(error="connection refused", waited=1),
    events.LockWaiting(holder="web-1", held_for=61, waited=0, retry_in=1),
    events.LockAcquired(fencing_token=2, waited=3),
    events.Planned(run_id="7d0c", steps=1),
    events.MigrationStarted(
        version="0001", title=NASTY, direction=Direction.UP, number=1, total=1
    ),
    events.TableLockWaiting(version="0001", waited=1, blockers=(BLOCKER,)),
    events.MigrationRetried(
        version="0001",
        attempt=1,
        of=10,
        retry_in=0.5,
        reason="lock timeout",
        sqlstate="55P03",
    ),
    events.Notice(version="0001", severity="NOTICE", message="skipping"),
    events.Warned(message="look here"),
    events.MigrationApplied(
        version="0001", title="users", duration=0.2, number=1, total=1
    ),
    events.Finished(applied=1, rolled_back=0, duration=1),
)


def test_every_event_has_its_plain_line() -> None:
    stream = io.StringIO()

    for event in RUN:
        Lines(stream)(event)

    assert stream.getvalue() == snapshot("""\
waiting for the database (1 s): connection refused
waiting for the lock: web-1 has held it for 61 s
lock acquired after 3.0 s
1 migration to run
[1/1] applying 0001 drop\\x1b[2J\\x1b]0;owned\\x07 \\u202etable\\nerror: all is well
0001: waiting 1.0 s for a lock held by pid 4711, user app, application web, for 30.1 s, AccessExclusiveLock on orders, running 'SELECT * FROM orders FOR UPDATE'
0001: try 1 of 10 rolled back: lock timeout; again in 0.5 s
0001: NOTICE: skipping
warning: look here
[1/1] applied 0001 users in 0.20 s
""")


def test_a_wait_is_mentioned_again_only_after_a_while() -> None:
    stream, now = io.StringIO(), [0.0]
    show = Lines(stream, clock=lambda: now[0])

    for second in range(25):
        now[0] = second
        show(events.OthersBlocked(version="1", longest=second, limit=None, blocked=()))
    show(events.Progressed(version="1", phase="scanning", done=1, total=2))
    show(events.Progressed(version="1", phase="scanning", done=2, total=2))
    show(events.Progressed(version="1", phase="sorting", done=0, total=0))

    assert stream.getvalue().splitlines() == [
        "1: holding up 0 session(s), the longest for 0.0 s",
        "1: holding up 0 session(s), the longest for 10.0 s",
        "1: holding up 0 session(s), the longest for 20.0 s",
        "1: scanning 50 %",
        "1: sorting",
    ]


def test_a_database_that_does_not_answer_is_mentioned_every_second() -> None:
    stream, now = io.StringIO(), [0.0]
    show = Lines(stream, clock=lambda: now[0])

    for tenth in range(25):
        now[0] = tenth / 10
        show(events.Connecting(error="refused", waited=now[0]))

    assert stream.getvalue().splitlines() == [
        "waiting for the database (0 s): refused",
        "waiting for the database (1 s): refused",
        "waiting for the database (2 s): refused",
    ]


def test_quiet_leaves_warnings_alone() -> None:
    stream = io.StringIO()
    show = Lines(stream, quiet=True)

    for event in RUN:
        show(event)
    show(events.Notice(version=None, severity="WARNING", message="out of range"))

    assert stream.getvalue() == "warning: look here\nWARNING: out of range\n"


def test_verbose_shows_all_with_the_time() -> None:
    stream = io.StringIO()
    show = Lines(stream, verbose=True)

    for event in RUN:
        show(event)

    lines = stream.getvalue().splitlines()
    assert len(lines) == len(RUN)
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} \S", line) for line in lines)


def test_colour_says_nothing_that_words_do_not() -> None:
    plain, painted = io.StringIO(), io.StringIO()

    for event in RUN:
        Lines(plain)(event)
        Lines(painted, paint=Painter(enabled=True))(event)

    assert "\x1b[" in painted.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", painted.getvalue()) == plain.getvalue()
