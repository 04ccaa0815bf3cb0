from collections.abc import Sequence

import pytest

from asyncmigrate._migration import (
    Applied,
    Direction,
    History,
    MigrationFile,
    Problem,
    RowOrigin,
    State,
)
from asyncmigrate._plan import (
    Plan,
    RollbackWish,
    Undo,
    choose_rollback,
    decide_rollback,
)
from asyncmigrate.errors import NeedsRepair, NotReversible, UnknownVersion
from tests.plan.making import definitions, file, history, labels, row

ONE, TWO, THREE = file("1"), file("2"), file("3")
FILES = [ONE, TWO, THREE]


def three() -> History:
    return history(row(ONE, run_id="a"), row(TWO, run_id="b"), row(THREE, run_id="b"))


def chosen(wish: RollbackWish, of: History | None = None) -> list[str]:
    return [each.version for each in choose_rollback(FILES, of or three(), wish)]


def roll_back(
    files: Sequence[MigrationFile],
    of: History,
    rows: Sequence[Applied],
    *,
    stored: Sequence[MigrationFile] = (),
    redo: bool = False,
) -> Plan:
    texts = {each.define().down_checksum or "": each.define().down for each in stored}
    return decide_rollback(
        files,
        (),
        of,
        definitions(files, of, every=True),
        stored={key: part for key, part in texts.items() if part is not None},
        chosen=rows,
        redo=redo,
    )


def test_wishes_choose_newest_first() -> None:
    assert chosen(RollbackWish()) == ["3"]
    assert chosen(RollbackWish(steps=2)) == ["3", "2"]
    assert chosen(RollbackWish(steps=7)) == ["3", "2", "1"]
    assert chosen(RollbackWish(target="1")) == ["3", "2"]
    assert chosen(RollbackWish(target="001")) == ["3", "2"]
    assert chosen(RollbackWish(target="0")) == ["3", "2", "1"]
    assert chosen(RollbackWish(target="000")) == ["3", "2", "1"]
    assert chosen(RollbackWish(last_run=True)) == ["3", "2"]
    assert chosen(RollbackWish(last_run=True), history()) == []


def test_a_version_zero_is_a_target_of_its_own() -> None:
    zero = file("0")
    of = history(row(zero), row(ONE))

    assert [
        each.version
        for each in choose_rollback([zero, ONE], of, RollbackWish(target="0"))
    ] == ["1"]


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(UnknownVersion):
        chosen(RollbackWish(target="9"))


def test_a_baseline_is_not_gone_past() -> None:
    of = history(row(ONE, origin=RowOrigin.BASELINE), row(TWO))

    with pytest.raises(NotReversible, match="there before asyncmigrate"):
        chosen(RollbackWish(steps=2), of)
    assert chosen(RollbackWish(), of) == ["2"]


def test_one_that_is_half_applied_is_finished_or_settled_first() -> None:
    half = history(row(ONE, state=State.FAILED, total=2))

    with pytest.raises(NeedsRepair, match="stands half done"):
        chosen(RollbackWish(), half)


def test_a_half_undone_one_is_undone_further() -> None:
    half = history(row(ONE, state=State.FAILED, direction=Direction.DOWN, total=2))

    assert chosen(RollbackWish(), half) == ["1"]


def test_the_files_down_comes_before_the_stored_one() -> None:
    of = three()
    rows = of.rows[::-1]

    plan = roll_back([ONE, TWO], of, rows, stored=FILES)

    undone = [step for step in plan.steps if isinstance(step, Undo)]
    assert [(step.version, step.source) for step in undone] == [
        ("3", "stored"),
        ("2", "file"),
        ("1", "file"),
    ]
    assert undone[0].direction is Direction.DOWN
    assert undone[0].name == "name"


def test_a_file_that_lost_its_down_is_undone_by_the_stored_one() -> None:
    of = three()

    plan = roll_back([ONE, TWO, file("3", down=None)], of, of.rows[2:], stored=[THREE])

    assert labels(plan) == ["-3"]


def test_all_without_a_down_are_named_and_one_is_named_alone() -> None:
    bare, final = file("1", down=None), file("2", down=None, irreversible=True)
    of = history(row(bare), row(final))

    with pytest.raises(NotReversible, match=r"these migrations have no DOWN: 2 .*, 1 "):
        roll_back([bare, final], of, of.rows[::-1], stored=[TWO])
    with pytest.raises(NotReversible, match=r"this migration has no DOWN: 2 "):
        roll_back([bare, final], of, of.rows[1:])


def test_problems_of_files_stop_it() -> None:
    plan = decide_rollback(
        FILES, [Problem("bad", "x.sql")], three(), {}, stored={}, chosen=()
    )

    assert [each.kind for each in plan.conflicts] == ["invalid"]


def test_nothing_chosen_is_nothing_to_do() -> None:
    of = history(row(file("repeatable/v.sql")))

    assert roll_back([file("repeatable/v.sql")], of, ()).is_empty


def test_repeatables_are_undone_first_and_put_back_in_order() -> None:
    views = [file("repeatable/a.sql"), file("repeatable/b.sql")]
    one_way = file("repeatable/c.sql", down=None)
    of = history(*map(row, [*FILES, *views, one_way]))

    plan = roll_back([*FILES, *views, one_way], of, of.rows[2:])

    assert labels(plan) == [
        "-repeatable/b.sql",
        "-repeatable/a.sql",
        "-3",
        "+repeatable/a.sql",
        "+repeatable/b.sql",
    ]


def test_a_repeatable_whose_file_is_gone_is_undone_and_not_put_back() -> None:
    view = file("repeatable/v.sql")
    of = history(*map(row, [*FILES, view]))

    assert labels(roll_back(FILES, of, of.rows[2:], stored=[view])) == [
        "-repeatable/v.sql",
        "-3",
    ]


def test_when_all_is_undone_nothing_is_put_back() -> None:
    view = file("repeatable/v.sql")
    of = history(*map(row, [*FILES, view]))

    assert labels(roll_back([*FILES, view], of, of.rows[::-1])) == [
        "-repeatable/v.sql",
        "-3",
        "-2",
        "-1",
    ]


def test_while_the_database_stays_ahead_they_stay_undone_with_a_warning() -> None:
    view = file("repeatable/v.sql")
    of = history(*map(row, [*FILES, view]))

    still = roll_back([ONE, view], of, of.rows[2:], stored=FILES)
    no_more = roll_back([ONE, view], of, of.rows[:0:-1], stored=FILES)

    assert labels(still) == ["-repeatable/v.sql", "-3"]
    assert "stay undone" in still.warnings[0]
    assert labels(no_more) == ["-repeatable/v.sql", "-3", "-2", "+repeatable/v.sql"]
    assert no_more.warnings == ()


def test_redo_applies_again_what_it_undoes() -> None:
    view = file("repeatable/v.sql")
    of = history(*map(row, [ONE, view]))

    assert labels(roll_back([ONE, view], of, of.rows, redo=True)) == [
        "-repeatable/v.sql",
        "-1",
        "+1",
        "+repeatable/v.sql",
    ]


def test_redo_needs_the_file() -> None:
    of = three()

    with pytest.raises(NotReversible, match=r"its file 3_name\.sql is gone"):
        roll_back([ONE, TWO], of, of.rows[2:], stored=FILES, redo=True)
