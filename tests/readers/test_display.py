"""The live display: what lasts becomes a line, what goes on is drawn again."""

import io

import pytest
from inline_snapshot import snapshot
from rich.console import Console

from asyncmigrate import events
from asyncmigrate._migration import Blocker, Direction
from asyncmigrate._readers.display import Display
from asyncmigrate._readers.text import width
from tests.readers.samples import BLOCKER, NASTY


class Screen:
    """A display on no terminal, with a clock that a test sets."""

    def __init__(self, columns: int = 80, encoding: str = "utf-8") -> None:
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        self.now = 100.0
        self.console = Console(file=self.stream, width=columns)
        self.show = Display(self.stream, console=self.console, clock=lambda: self.now)

    def live(self, room: int = 79) -> str:
        return "\n".join(line.plain.rstrip() for line in self.show.lines(room))

    @property
    def lasting(self) -> str:
        self.stream.flush()
        buffer = self.stream.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.stream.encoding)


def started(version: str = "0002", **given: object) -> events.MigrationStarted:
    values: dict[str, object] = {
        "title": "orders",
        "direction": Direction.UP,
        "number": 2,
        "total": 3,
    }
    return events.MigrationStarted(version=version, **(values | given))  # type: ignore[arg-type]  # a sample's fields


def applied(version: str, title: str = "users", number: int = 1) -> events.Event:
    return events.MigrationApplied(
        version=version, title=title, duration=0.0123, number=number, total=3
    )


RETRIED = events.MigrationRetried(
    version="0002",
    attempt=1,
    of=10,
    retry_in=2.0,
    reason="lock timeout",
    sqlstate="55P03",
    blockers=(BLOCKER,),
)


def test_finished_migrations_become_lines_that_stay() -> None:
    screen = Screen()

    screen.show(events.Planned(run_id="7d0c", steps=3))
    screen.show(applied("0001"))
    screen.show(started())
    screen.show(RETRIED)
    screen.show(started(attempt=2))
    screen.show(applied("0002", "orders", 2))
    screen.show(
        events.MigrationRolledBack(
            version="0003",
            title="reports",
            duration=1.5,
            number=3,
            total=3,
            source="stored",
        )
    )
    screen.show(
        events.MigrationErred(
            version="0004",
            title=NASTY,
            error="x",
            sqlstate=None,
            number=3,
            total=3,
        )
    )
    screen.show(events.Notice(version="0004", severity="NOTICE", message="a\x1bb"))
    screen.show(events.Warned(message="look here"))

    assert screen.lasting == snapshot("""\
✓ 0001 users                                                            12 ms
✓ 0002 orders                                                  2 tries, 12 ms
↓ 0003 reports                                             stored DOWN, 1.5 s
✗ 0004 drop\\x1b[2J\\x1b]0;owned\\x07 \\u202etable\\nerror: all is well     failed
  0004: NOTICE: a\\x1bb
warning: look here
""")


def test_what_runs_is_drawn_with_its_time_and_how_far_the_run_is() -> None:
    screen = Screen()
    assert screen.live() == snapshot("⠋ looking at the database")

    screen.show(events.Planned(run_id="7d0c", steps=3))
    screen.show(applied("0001"))
    screen.show(started(direction=Direction.DOWN))
    screen.now += 3.4

    assert screen.live() == snapshot("""\
⠼ 0002 orders (rolling back)                                              3.4 s
  ━━━━━━━━──────────────── 1 of 3, 3.4 s\
""")


def test_a_wait_for_the_lock_counts_on_and_names_the_holder() -> None:
    screen = Screen()

    screen.show(events.Connecting(error="refused", waited=1))
    assert "waiting for the database" in screen.live()
    screen.show(events.LockWaiting(holder="web-1", held_for=59, waited=0, retry_in=9))
    screen.now += 2

    assert screen.live() == snapshot("""\
⠋ waiting for the lock (2.0 s)
    held for 1 min 01 s by web-1\
""")
    screen.show(events.LockAcquired(fencing_token=2, waited=3))
    assert "waiting" not in screen.live()


def test_a_wait_for_a_table_lock_names_who_is_in_the_way() -> None:
    screen = Screen()
    screen.show(started(total=1))

    screen.show(events.TableLockWaiting(version="0002", waited=1, blockers=(BLOCKER,)))
    waiting = screen.live()
    screen.show(RETRIED)
    pausing = screen.live()
    screen.now += 5
    screen.show(started(total=1, attempt=2))
    again = screen.live()

    assert waiting == snapshot("""\
⠋ 0002 orders                                                             0.0 s
    waiting 1.0 s for a table lock, held by
      pid 4711, user app, application web, for 30.1 s, AccessExclusiveLock on …
      running SELECT * FROM orders FOR UPDATE\
""")
    assert pausing == snapshot("""\
⠋ 0002 orders                                                             0.0 s
    try 1 of 10 was rolled back: lock timeout; again in 2.0 s
      pid 4711, user app, application web, for 30.1 s, AccessExclusiveLock on …
      running SELECT * FROM orders FOR UPDATE\
""")
    assert again == snapshot("""\
⠋ 0002 orders (try 2)                                                     5.0 s
    try 1 of 10 was rolled back: lock timeout\
""")


def test_of_many_sessions_the_first_are_named() -> None:
    screen = Screen()
    blocked = tuple(
        Blocker(pid=pid, user=None, application=None, seconds=1.0, query="SELECT 1")
        for pid in range(1, 6)
    )
    screen.show(started(total=1))

    screen.show(
        events.OthersBlocked(version="0002", longest=1, limit=15, blocked=blocked)
    )

    assert screen.live() == snapshot("""\
⠋ 0002 orders                                                             0.0 s
    holding up 5 sessions, the longest for 1.0 s of 15.0 s allowed
      pid 1, for 1.0 s, running 'SELECT 1'
      pid 2, for 1.0 s, running 'SELECT 1'
      pid 3, for 1.0 s, running 'SELECT 1'
      and 2 more\
""")


def test_an_index_build_has_a_bar() -> None:
    screen = Screen()
    screen.show(started(total=1))

    screen.show(
        events.Progressed(version="0002", phase="scanning table", done=1, total=2)
    )
    building = screen.live()
    screen.show(
        events.Progressed(
            version="0002",
            phase="waiting for writers before build",
            done=0,
            total=0,
            waiting_for=(BLOCKER,),
        )
    )
    waiting = screen.live()
    screen.show(
        events.StatementFinished(version="0002", number=1, total=4, duration=1.0)
    )
    screen.now += 4

    assert building == snapshot("""\
⠋ 0002 orders                                                             0.0 s
    ━━━━━━━━━━━━────────────  50 % scanning table\
""")
    assert waiting == snapshot("""\
⠋ 0002 orders                                                             0.0 s
    waiting for writers before build
    waiting for the transactions of
      pid 4711, user app, application web, for 30.1 s, AccessExclusiveLock on …
      running SELECT * FROM orders FOR UPDATE\
""")
    assert "scanning" not in screen.live()
    assert "statement 1 of 4 done" in screen.live()


@pytest.mark.parametrize("room", [1, 5, 19, 39, 59, 79, 119])
def test_no_line_is_wider_than_the_room(room: int) -> None:
    screen = Screen()
    screen.show(started("repeatable/顧客/view.sql", title=NASTY * 3))
    screen.show(events.Progressed(version="2", phase=NASTY, done=1, total=3))
    screen.show(RETRIED)
    screen.show(
        events.TableLockWaiting(version="2", waited=1, blockers=(BLOCKER, BLOCKER))
    )

    lines = screen.live(room).splitlines()

    # Below that, a mark and a time have no place beside each other.
    assert max(map(width, lines)) <= max(room, 12)
    assert "\x1b" not in screen.live(room)


def test_rows_that_a_narrower_terminal_wraps_are_counted() -> None:
    screen = Screen(columns=80)
    screen.show(started())
    screen.console.print(screen.show)

    screen.console.width = 40
    narrowed = screen.show.rows_added_by_wrapping()
    screen.console.width = 80

    assert narrowed == 1
    assert screen.show.rows_added_by_wrapping() == 0


def test_a_stream_without_unicode_gets_ascii_alone() -> None:
    screen = Screen(encoding="latin-1")

    screen.show(started())
    screen.show(events.Progressed(version="2", phase="scanning", done=1, total=2))
    live = screen.live()
    screen.show(applied("0002"))

    assert live.isascii()
    assert screen.lasting.startswith("+ 0002 users")


def test_leaving_the_display_leaves_only_what_lasts() -> None:
    screen = Screen()

    with screen.show as show:
        show(started())
        show(applied("0002"))

    assert "0002 users" in screen.lasting
    assert screen.live() == ""
