from dataclasses import replace

import pytest

from asyncmigrate._migration import Applied, Direction, History, MigrationFile, State
from asyncmigrate._plan import (
    Apply,
    Plan,
    SoFar,
    Undo,
    decide_rollback,
    undone_by_others,
    what_is_left,
)
from asyncmigrate.errors import MigrationFailed
from tests.plan.making import carried_out, definitions, file, history, labels, row

ONE, TWO, THREE, FOUR = file("1"), file("2"), file("3"), file("4")
VIEW, OTHER = file("repeatable/v.sql"), file("repeatable/w.sql")
FILES = [ONE, TWO, THREE, VIEW, OTHER]
OURS = "ours"


def decided(of: History, *, steps: int = 1, redo: bool = False) -> Plan:
    return decide_rollback(
        FILES,
        (),
        of,
        definitions(FILES, of, every=True),
        stored={},
        chosen=of.rows[: -steps - 1 : -1],
        redo=redo,
    )


def all_applied() -> History:
    return history(*map(row, FILES))


def after(plan: Plan, of: History, count: int) -> History:
    """The history after the first *count* steps, done by this run."""
    done = carried_out(Plan(steps=plan.steps[:count]), of)
    known = {each.id for each in (*of.rows, *of.repeatables)}
    return history(
        *(
            each if each.id in known else replace(each, run_id=OURS)
            for each in (*done.rows, *done.repeatables)
        )
    )


def so_far(plan: Plan, count: int, *, given_up: frozenset[str] = frozenset()) -> SoFar:
    undone = [step for step in plan.steps[:count] if isinstance(step, Undo)]
    return SoFar(
        run_id=OURS,
        undone=frozenset(step.version for step in undone),
        given_up=given_up,
    )


def with_rows(of: History, *more: Applied) -> History:
    return history(*of.rows, *of.repeatables, *more)


@pytest.mark.parametrize("redo", [False, True])
def test_what_is_left_is_all_that_comes_after_what_is_done(*, redo: bool) -> None:
    of = all_applied()
    plan = decided(of, steps=2, redo=redo)

    for count in range(len(plan.steps) + 1):
        left = what_is_left(plan, of, after(plan, of, count), so_far(plan, count))

        assert labels(left) == labels(plan)[count:]
        assert left.warnings == ()


def test_a_half_undone_one_goes_on_from_where_it_stands() -> None:
    of = all_applied()
    plan = decided(of)
    now = after(plan, of, 2)
    half = replace(
        now.rows[-1],
        state=State.RUNNING,
        direction=Direction.DOWN,
        statements_done=1,
        statements_total=2,
    )

    left = what_is_left(
        plan, of, history(*now.rows[:-1], *now.repeatables, half), so_far(plan, 2)
    )

    assert isinstance(left.steps[0], Undo)
    assert left.steps[0].row == half


def half_done(of: MigrationFile, run_id: str = OURS) -> Applied:
    return row(of, run_id=run_id, state=State.RUNNING, done=1, total=2)


def test_a_half_applied_one_goes_on_and_a_repeatable_begins_anew() -> None:
    of = all_applied()
    plan = decided(of, redo=True)
    half, view = half_done(THREE), half_done(VIEW)

    left = what_is_left(
        plan, of, with_rows(after(plan, of, 3), half, view), so_far(plan, 3)
    )

    rows = [step.row for step in left.steps if isinstance(step, Apply)]
    assert rows == [half, None, None]


def test_what_could_not_be_put_back_is_not_tried_again() -> None:
    of = all_applied()
    plan = decided(of)

    left = what_is_left(
        plan,
        of,
        after(plan, of, 3),
        so_far(plan, 3, given_up=frozenset({VIEW.label})),
    )

    assert labels(left) == [f"+{OTHER.label}"]


def test_what_another_run_undid_meanwhile_is_told_and_the_rest_is_done() -> None:
    of = all_applied()
    plan = decided(of, steps=2)
    now = after(plan, of, 4)

    left = what_is_left(plan, of, now, so_far(plan, 3))

    assert labels(left) == [f"+{VIEW.label}", f"+{OTHER.label}"]
    assert left.warnings == ("2 was rolled back by another run meanwhile",)


def test_nothing_below_what_another_run_applied_is_undone() -> None:
    of = all_applied()
    plan = decided(of, steps=2)
    now = with_rows(after(plan, of, 3), row(THREE, run_id="theirs"))

    with pytest.raises(MigrationFailed) as caught:
        what_is_left(plan, of, now, so_far(plan, 3))

    assert caught.value.message == (
        "another run has applied 3 since this one began; not rolled back: 2;"
        " not applied again: repeatable/v.sql, repeatable/w.sql"
    )


def test_a_redo_is_not_finished_below_what_another_run_applied() -> None:
    of = all_applied()
    plan = decided(of, redo=True)
    now = with_rows(after(plan, of, 3), row(FOUR, run_id="theirs"))

    with pytest.raises(MigrationFailed, match=r"has applied 4 since .* again: 3, rep"):
        what_is_left(plan, of, now, so_far(plan, 3))


def test_a_redo_does_not_go_on_with_what_another_run_left_half_done() -> None:
    of = all_applied()
    plan = decided(of, redo=True)
    now = with_rows(after(plan, of, 3), half_done(THREE, "theirs"))

    with pytest.raises(MigrationFailed, match="has applied 3 since"):
        what_is_left(plan, of, now, so_far(plan, 3))


def test_what_another_run_applied_again_is_told_and_not_applied_twice() -> None:
    of = all_applied()
    plan = decided(of, redo=True)
    theirs = [row(each, run_id="theirs") for each in (THREE, VIEW)]
    now = with_rows(after(plan, of, 3), *theirs)

    left = what_is_left(plan, of, now, so_far(plan, 3))

    assert labels(left) == [f"+{OTHER.label}"]
    assert left.warnings == (
        "3 was applied again by another run meanwhile",
        "repeatable/v.sql was applied again by another run meanwhile",
    )


def test_a_redo_goes_on_above_what_another_run_applied_below_it() -> None:
    late = file("2.5")
    of = all_applied()
    plan = decided(of, redo=True)
    theirs = [row(each, run_id="theirs") for each in (late, VIEW)]

    left = what_is_left(
        plan, of, with_rows(after(plan, of, 3), *theirs), so_far(plan, 3)
    )

    assert labels(left) == ["+3", f"+{OTHER.label}"]


def test_what_was_to_be_undone_and_is_gone_is_told() -> None:
    of = all_applied()

    assert undone_by_others(of.rows, of) == ()
    assert undone_by_others(of.rows[2:], history(*of.rows[:2])) == (
        "3 was rolled back by another run meanwhile",
    )
