from dataclasses import replace

import pytest

from asyncmigrate._migration import (
    Direction,
    History,
    Problem,
    RowOrigin,
    State,
)
from asyncmigrate._plan import Apply, MigrateWish, compare, decide_migrate
from asyncmigrate.errors import NeedsRepair, UnknownVersion
from tests.plan.making import (
    definitions,
    file,
    history,
    kinds,
    labels,
    migrate,
    row,
)

NOTHING = History()


def test_versions_go_by_their_numbers_and_repeatables_come_last() -> None:
    files = [file("repeatable/b.sql"), file("10"), file("repeatable/a.sql"), file("9")]

    plan = migrate(files, NOTHING)

    assert labels(plan) == ["+9", "+10", "+repeatable/a.sql", "+repeatable/b.sql"]


def test_one_and_0001_are_one_version() -> None:
    files = [file("0001", path="0001_name.sql")]

    plan = migrate(files, history(row(file("1", path="0001_name.sql"))))

    assert plan.is_empty
    assert plan.conflicts == ()


@pytest.mark.parametrize("target", ["2", "0002", "02"])
def test_a_target_stops_and_holds_repeatables_back(target: str) -> None:
    files = [file("0001"), file("0002"), file("0003"), file("repeatable/v.sql")]

    assert labels(migrate(files, NOTHING, target=target)) == ["+0001", "+0002"]


def test_at_the_newest_a_target_holds_nothing_back() -> None:
    files = [file("1"), file("2"), file("repeatable/v.sql")]

    assert labels(migrate(files, NOTHING, target="2"))[-1] == "+repeatable/v.sql"


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("4", ("1", "2", "9")),
        ("0", ("1", "2", "9")),
        ("99", ("2", "9")),
        ("x", ("2", "9")),
    ],
)
def test_an_unknown_target_names_the_nearest(
    wanted: str, nearest: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownVersion) as caught:
        migrate([file("1"), file("2"), file("9")], NOTHING, target=wanted)

    assert caught.value.nearest == nearest


def test_without_any_version_nothing_is_near() -> None:
    with pytest.raises(UnknownVersion) as caught:
        migrate([], NOTHING, target="1")

    assert caught.value.hint == "there are no versions at all"


def test_a_repeatable_is_no_target() -> None:
    with pytest.raises(UnknownVersion):
        migrate([file("repeatable/v.sql")], NOTHING, target="repeatable/v.sql")


def test_a_target_may_be_a_version_of_the_history_alone() -> None:
    files = [file("1")]

    assert labels(migrate(files, history(row(file("5"))), target="5")) == []


def test_every_conflict_is_told_at_once() -> None:
    old = [file("1", "a"), file("3", "c"), file("5", "e"), file("7", "g")]
    files = [file("1", "A"), file("4", "d"), file("7", "g"), file("8", "e")]
    of = history(*map(row, old))
    problem = Problem("not UTF-8", "9.sql", 3, 1, hint="convert it")

    plan = decide_migrate(
        files, [problem], of, definitions(files, of), MigrateWish(target="77")
    )

    assert kinds(plan) == {
        ("invalid", None),
        ("edited", "1"),
        ("missing", "3"),
        ("late", "4"),
        ("renamed", "5"),
        ("unknown", "77"),
    }
    assert plan.steps == ()
    assert all(each.hint for each in plan.conflicts)


def test_a_late_one_may_be_allowed() -> None:
    files = [file("1"), file("2")]
    of = history(row(file("2")))

    assert kinds(migrate(files, of)) == {("late", "1")}
    assert labels(migrate(files, of, allow_out_of_order=True)) == ["+1"]


def test_applied_versions_above_every_file_are_ahead_and_those_below_are_missing() -> (
    None
):
    rows = [row(file(version, version)) for version in ("1", "2", "3", "4")]
    files = [file("1", "1"), file("3", "3")]

    found = compare(files, history(*rows), definitions(files, history(*rows)))

    assert [each.version for each in found.ahead] == ["4"]
    assert [each.version for each in found.missing] == ["2"]


def test_without_files_everything_is_ahead() -> None:
    plan = migrate([], history(*(row(file(str(n))) for n in range(1, 9))))

    (warning,) = plan.warnings
    assert "1, 2, 3, 4, 5 and 3 more" in warning


def test_while_ahead_repeatables_are_left_alone_with_a_warning() -> None:
    files = [file("1"), file("repeatable/v.sql")]
    plan = migrate(files, history(row(file("1")), row(file("2"))))

    assert plan.is_empty
    assert any("left alone" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    "origin", [RowOrigin.BASELINE, RowOrigin.ADOPT, RowOrigin.MARK]
)
def test_a_row_of_another_origin_without_a_checksum_needs_no_file(
    origin: RowOrigin,
) -> None:
    bare = replace(
        row(file("1"), origin=origin),
        checksum=None,
        file_sha256=None,
        token_checksum=None,
    )

    assert migrate([file("2")], history(bare)).conflicts == ()
    ours = replace(bare, origin=RowOrigin.RUN)
    assert kinds(migrate([file("2")], history(ours))) == {("missing", "1")}
    summed = replace(bare, checksum="sha256:1")
    assert kinds(migrate([file("2")], history(summed))) == {("missing", "1")}


def test_a_row_without_a_checksum_takes_that_of_its_file() -> None:
    bare = replace(row(file("1")), checksum=None, file_sha256=None)

    plan = migrate([file("1"), file("2")], history(bare))

    assert labels(plan) == ["+2"]
    assert [each.row for each in plan.refresh] == [bare]
    assert plan.refresh[0].definition is not None


def test_an_edit_of_white_space_is_a_warning_and_refreshes_the_row() -> None:
    plan = migrate([file("1", "SELECT   1;")], history(row(file("1", "SELECT 1;"))))

    assert plan.conflicts == ()
    assert plan.warnings == ("1_name.sql was edited in comments or white space only",)
    assert len(plan.refresh) == 1


def test_a_checksum_of_an_algorithm_that_is_not_known_cannot_be_told_from_an_edit() -> (
    None
):
    strange = replace(row(file("1", "a")), checksum="md7:1", token_checksum=None)

    assert kinds(migrate([file("1", "b")], history(strange))) == {("edited", "1")}


def test_an_improved_down_or_a_moved_file_refreshes_the_row_and_no_more() -> None:
    of = history(row(file("1", down="a")), row(file("2")))
    files = [file("1", down="b"), file("2", path="sub/2_name.sql")]

    plan = migrate(files, of)

    assert plan.is_empty
    assert [each.definition is None for each in plan.refresh] == [False, True]


def test_an_unreadable_file_is_no_edit() -> None:
    of = history(row(file("1", "a")))
    problem = Problem("a bad byte", "1_name.sql")

    plan = decide_migrate([file("1", "b")], [problem], of, {}, MigrateWish())

    assert kinds(plan) == {("invalid", None)}


def test_an_unreadable_repeatable_is_neither_new_nor_changed() -> None:
    found = compare([file("repeatable/v.sql")], NOTHING, {})

    assert found.repeatables == []


def test_a_file_with_the_text_of_a_missing_one_is_a_rename_also_when_it_is_older() -> (
    None
):
    of = history(row(file("1")), row(file("5", "same")), row(file("9")))
    files = [file("1"), file("3", "same"), file("9")]

    plan = migrate(files, of)

    assert kinds(plan) == {("renamed", "5")}
    assert "--renumber 5=3" in (plan.conflicts[0].hint or "")


def test_one_file_is_the_new_name_of_one_row_only() -> None:
    of = history(row(file("1", "same")), row(file("2", "same")), row(file("9")))

    plan = migrate([file("9"), file("10", "same")], of)

    assert kinds(plan) == {("renamed", "1"), ("missing", "2")}


def test_a_repeatable_is_applied_again_when_its_text_changes_alone() -> None:
    first = file("repeatable/v.sql", "a")
    of = history(row(first))

    assert labels(migrate([first], of)) == []
    assert labels(migrate([file("repeatable/v.sql", "b")], of)) == ["+repeatable/v.sql"]
    down = migrate([file("repeatable/v.sql", "a", down=None)], of)
    assert labels(down) == []
    assert len(down.refresh) == 1


def test_a_repeatable_that_is_gone_is_a_warning() -> None:
    plan = migrate([file("1")], history(row(file("1")), row(file("repeatable/v.sql"))))

    assert plan.warnings == ("the file of the repeatable repeatable/v.sql is gone",)


def test_a_half_done_repeatable_runs_again() -> None:
    half = row(file("repeatable/v.sql"), state=State.FAILED, done=1, total=2)

    assert labels(migrate([file("repeatable/v.sql")], history(half))) == [
        "+repeatable/v.sql"
    ]


def test_a_half_done_migration_goes_on_before_anything_else() -> None:
    half = row(file("2", "a"), state=State.FAILED, done=1, total=3)
    files = [file("2", "corrected"), file("3")]

    plan = migrate(files, history(half))

    assert labels(plan) == ["+2", "+3"]
    assert isinstance(plan.steps[0], Apply)
    assert plan.steps[0].row is half


def test_what_stands_half_done_and_cannot_go_on_asks_for_repair() -> None:
    undone = row(file("1"), state=State.FAILED, direction=Direction.DOWN, total=3)
    unknown = row(file("1"), state=State.FAILED, total=0)
    gone = row(file("1"), state=State.RUNNING, total=2)

    with pytest.raises(NeedsRepair, match="the roll-back of 1 stands half done"):
        migrate([file("1")], history(undone))
    with pytest.raises(NeedsRepair, match="migration 1 stands half done"):
        migrate([file("1")], history(unknown))
    with pytest.raises(NeedsRepair, match="migration 1 stands half done"):
        migrate([], history(gone))


def test_a_step_says_what_it_is() -> None:
    (step,) = migrate([file("0001", name="users")], NOTHING).steps

    assert (step.version, step.name) == ("0001", "users")
    assert step.direction is Direction.UP
    assert step.part.text == "SELECT 1;"
