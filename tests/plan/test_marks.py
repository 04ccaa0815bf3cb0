from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from asyncmigrate._migration import (
    Direction,
    History,
    MigrationFile,
    Problem,
    RowOrigin,
    State,
)
from asyncmigrate._plan import Plan, Write, decide_baseline, decide_repair
from asyncmigrate.errors import InvalidUsage, UnknownVersion
from asyncmigrate.results import RepairAction
from tests.plan.making import carried_out, definitions, file, history, migrate, row

ONE, TWO = file("0001"), file("0002", "SELECT 2;")
FILES = [ONE, TWO]
NOTHING = History()


def repair(
    action: RepairAction,
    of: History,
    *versions: str,
    files: Sequence[MigrationFile] = FILES,
    renames: Mapping[str, str] | None = None,
    problems: Sequence[Problem] = (),
) -> Plan:
    return decide_repair(
        files,
        problems,
        of,
        definitions(files, of),
        action=action,
        versions=versions,
        renames=renames or {},
    )


def test_a_baseline_marks_what_has_no_row_up_to_its_version() -> None:
    of = history(row(ONE))
    files = [*FILES, file("0003"), file("repeatable/v.sql")]

    plan = decide_baseline(files, (), of, definitions(files, of), "2")

    (write,) = plan.writes
    assert (write.version, write.origin) == ("0002", RowOrigin.BASELINE)
    assert write.definition is not None
    assert write.found == "0002 has no row in the history"


def test_a_baseline_with_problems_in_the_files_marks_nothing() -> None:
    plan = decide_baseline(FILES, [Problem("bad", "x.sql")], NOTHING, {}, "2")

    assert plan.is_empty
    assert len(plan.conflicts) == 1


def test_repair_with_problems_in_the_files_writes_nothing() -> None:
    plan = repair(
        RepairAction.ACCEPT_CHECKSUMS, NOTHING, problems=[Problem("bad", "x.sql")]
    )

    assert plan.is_empty
    assert len(plan.conflicts) == 1


def test_accepting_makes_every_edit_what_stands() -> None:
    of = history(row(file("0001", "old")), row(TWO))

    (write,) = repair(RepairAction.ACCEPT_CHECKSUMS, of).writes

    assert write.columns is not None
    assert write.columns["checksum"] == ONE.define().checksum
    assert write.columns["file_sha256"] == ONE.file_sha256
    assert write.found == "0001 name stands applied"


def test_marking_as_applied_inserts_a_row_or_settles_the_one_there_is() -> None:
    half = row(TWO, state=State.FAILED, done=1, total=3)
    of = history(half)

    marked, settled = repair(RepairAction.MARK_APPLIED, of, "1", "2").writes

    assert marked.insert is ONE
    assert settled.row is half
    assert settled.columns is not None
    assert settled.columns["state"] is State.APPLIED
    assert "it stood failed: 1 of 3 statements are done" in settled.detail
    assert settled.found == "0002 name stands failed: 1 of 3 statements are done"


def test_a_half_done_one_is_settled_also_without_its_file() -> None:
    half = row(file("0009"), state=State.FAILED)

    (write,) = repair(RepairAction.MARK_APPLIED, history(half), "9").writes

    assert write.columns is not None
    assert "checksum" not in write.columns


def test_a_half_done_one_with_its_bytes_unread_keeps_its_sums() -> None:
    half = row(ONE, state=State.FAILED)
    plan = decide_repair(
        FILES,
        (),
        history(half),
        {},
        action=RepairAction.MARK_APPLIED,
        versions=["1"],
        renames={},
    )

    assert plan.writes[0].columns is not None
    assert "checksum" not in plan.writes[0].columns


def test_marking_what_stands_as_it_is_to_be_writes_nothing() -> None:
    of = history(row(ONE))

    assert repair(RepairAction.MARK_APPLIED, of, "1").is_empty
    assert repair(RepairAction.MARK_PENDING, of, "2").is_empty


def test_marking_as_pending_takes_the_rows_standing_away() -> None:
    of = history(row(ONE), row(file("repeatable/gone.sql")))

    plan = repair(RepairAction.MARK_PENDING, of, "1", "repeatable/gone.sql")

    assert [write.columns for write in plan.writes] == [None, None]
    assert carried_out(plan, of) == history()


@pytest.mark.parametrize(
    "action", [RepairAction.MARK_APPLIED, RepairAction.MARK_PENDING]
)
def test_an_unknown_version_names_the_nearest(action: RepairAction) -> None:
    with pytest.raises(UnknownVersion) as caught:
        repair(action, history(row(ONE)), "7")

    assert caught.value.nearest == ("0001", "0002")


def test_renumbering_gives_a_row_the_files_version() -> None:
    of = history(row(file("0001", "same")))
    renamed = file("0005", "same", name="better")

    (write,) = repair(
        RepairAction.RENUMBER, of, files=[renamed], renames={"1": "5"}
    ).writes

    assert write.columns == {
        "version": "0005",
        "version_key": "5",
        "name": "better",
        "file": "0005_better.sql",
        "file_sha256": renamed.file_sha256,
    }


def test_renumbering_to_the_number_it_has_is_no_conflict() -> None:
    of = history(row(ONE))

    plan = repair(RepairAction.RENUMBER, of, renames={"0001": "1"})

    assert len(plan.writes) == 1


def test_renumbering_twice_writes_nothing_the_second_time() -> None:
    of = history(row(file("0005")))

    plan = repair(RepairAction.RENUMBER, of, files=[file("0005")], renames={"1": "5"})

    assert plan.is_empty


def test_renumbering_without_a_checksum_trusts_the_file() -> None:
    bare = replace(row(ONE), checksum=None)
    files = [file("0005", "anything")]

    plan = repair(RepairAction.RENUMBER, history(bare), files=files, renames={"1": "5"})

    assert len(plan.writes) == 1


def test_what_cannot_be_renumbered_is_refused() -> None:
    of = history(row(file("0001", "a")), row(file("0002", "b")))
    files = [file("0002", "b"), file("0005", "c"), file("repeatable/v.sql")]

    def renumber(old: str, new: str) -> None:
        repair(RepairAction.RENUMBER, of, files=files, renames={old: new})

    with pytest.raises(UnknownVersion):
        renumber("9", "5")
    with pytest.raises(UnknownVersion):
        renumber("9", "7")
    with pytest.raises(UnknownVersion):
        renumber("1", "7")
    with pytest.raises(UnknownVersion):
        renumber("1", "repeatable/v.sql")
    with pytest.raises(InvalidUsage, match="2 is applied already"):
        renumber("1", "2")
    with pytest.raises(InvalidUsage, match="does not hold what was applied"):
        renumber("1", "5")


@pytest.mark.parametrize(
    ("undecided", "columns", "words"),
    [
        (False, {}, "goes on with statement 2 of 3"),
        (
            True,
            {"statements_done": 2, "before_image": None},
            "goes on after statement 2 of 3, which is taken as done",
        ),
    ],
)
def test_resuming_takes_what_was_undecided_as_done_and_nothing_else(
    *, undecided: bool, columns: dict[str, object], words: str
) -> None:
    half = row(ONE, state=State.FAILED, done=1, total=3, undecided=undecided)

    (write,) = repair(RepairAction.RESUME, history(half, row(TWO))).writes

    assert write.columns == {"state": State.FAILED, **columns}
    assert words in write.detail


def test_what_has_no_place_to_go_on_from_is_not_resumed() -> None:
    escaped = row(TWO, state=State.FAILED)

    with pytest.raises(InvalidUsage, match="0002 cannot go on: how far it came"):
        repair(RepairAction.RESUME, history(row(ONE), escaped))


def test_nothing_half_done_is_nothing_to_resume() -> None:
    with pytest.raises(InvalidUsage, match="no migration stands half done"):
        repair(RepairAction.RESUME, history(row(ONE)))


def test_after_a_missing_one_is_marked_as_pending_nothing_is_in_the_way() -> None:
    of = history(row(ONE), row(TWO))
    assert migrate([TWO], of).conflicts != ()

    plan = repair(RepairAction.MARK_PENDING, of, "1", files=[TWO])

    assert migrate([TWO], carried_out(plan, of)).conflicts == ()


def test_a_write_says_what_it_finds() -> None:
    write = Write(
        event="x",
        version="1",
        detail="",
        row=row(ONE, state=State.RUNNING, direction=Direction.DOWN, total=2),
    )

    assert write.found == (
        "0001 name stands running: 0 of 2 statements of its roll-back are done"
    )
