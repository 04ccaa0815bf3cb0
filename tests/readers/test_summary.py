"""What a run comes to, in a line or a few."""

from inline_snapshot import snapshot

from asyncmigrate._migration import Direction
from asyncmigrate._readers.summary import script, summary
from asyncmigrate.results import MigrationReport, Outcome
from tests.readers.samples import NASTY, result


def test_a_run_without_work_says_so() -> None:
    assert summary(MigrationReport()) == "nothing to do"


def test_the_slowest_of_many_are_told() -> None:
    times = (0.01, 2.5, 0.3, 70.0, 0.2)
    report = MigrationReport(
        tuple(result(f"000{n}", duration=t) for n, t in enumerate(times))
    )

    assert summary(report) == snapshot("""\
5 migrations applied in 1 min 13 s
the slowest:
  1 min 10 s  0003 create users
       2.5 s  0001 create users
      300 ms  0002 create users\
""")


def test_of_a_few_only_the_sum_is_told() -> None:
    report = MigrationReport(
        (
            result("1", direction=Direction.DOWN, status=Outcome.ROLLED_BACK),
            result("1", duration=5.0),
        )
    )

    assert summary(report) == "1 migration rolled back, 1 migration applied in 5.0 s"


def test_a_dry_run_says_that_nothing_was_changed() -> None:
    report = MigrationReport((result("1"), result("2")), dry_run=True)

    assert summary(report) == (
        "dry run: 2 migrations would be applied; nothing was changed"
    )
    assert summary(MigrationReport(dry_run=True)) == (
        "dry run: nothing to do; nothing was changed"
    )


def test_a_script_stands_under_a_comment_that_no_name_can_leave() -> None:
    shown = script(result("0001", name=NASTY))

    assert len(shown.splitlines()) == 2
    assert shown.startswith("-- 0001 drop\\x1b[2J")


def test_scripts_say_where_they_come_from() -> None:
    down = {"direction": Direction.DOWN, "sql": "DROP TABLE users;"}

    assert script(result("0001", **down, source="stored")) == snapshot("""\
-- 0001 create users, rolled back (the DOWN stored in the database)
DROP TABLE users;
""")
    assert script(result("0007", sql=None)) == snapshot(
        "-- 0007 create users (0007_create_users.sql): Python, which runs its own statements\n"
    )
