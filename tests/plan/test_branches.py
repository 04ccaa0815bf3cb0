from collections.abc import Sequence

from asyncmigrate._migration import MigrationFile
from asyncmigrate._plan.branches import Branch, compare_branches
from tests.plan.making import file

BASE = [file("1", "one"), file("2", "two")]


def branch(files: Sequence[MigrationFile], *unreadable: str) -> Branch:
    read = {each.key: each.define() for each in files if each.label not in unreadable}
    return Branch(files, read)


def compared(
    ours: Branch, theirs: Sequence[MigrationFile] = BASE, base: Branch | None = None
) -> list[tuple[str, str | None]]:
    found = compare_branches(ours, base or branch(BASE), branch(theirs), "main")
    return [(each.kind, each.version) for each in found]


def test_what_was_added_here_above_all_is_fine() -> None:
    assert compared(branch([*BASE, file("3")])) == []
    assert compared(branch([file("1")]), [], branch([])) == []


def test_an_edit_counts_and_one_of_white_space_does_not() -> None:
    assert compared(branch([file("1", "other"), BASE[1]])) == [("edited", "1")]
    assert compared(branch([file("1", " one "), BASE[1]])) == []


def test_an_edit_that_they_made_as_well_is_none() -> None:
    edited = [file("1", "other"), BASE[1]]

    assert compared(branch(edited), edited) == []


def test_a_file_that_cannot_be_read_any_more_was_edited() -> None:
    edited = [file("1", "other"), BASE[1]]

    assert compared(branch(edited, "1")) == [("edited", "1")]
    assert compared(branch(edited), base=branch(BASE, "1")) == []


def test_a_removal_counts_unless_they_removed_it_as_well() -> None:
    assert compared(branch(BASE[:1])) == [("removed", "2")]
    assert compared(branch(BASE[:1]), BASE[:1]) == []
    assert compared(branch(BASE[:1]), base=branch(BASE, "2")) == [("removed", "2")]


def test_a_new_name_of_an_old_text_is_a_rename() -> None:
    assert compared(branch([BASE[0], file("3", "two")])) == [("renamed", "2")]


def test_what_meets_what_they_added_is_told() -> None:
    theirs = [*BASE, file("5", "theirs")]

    assert compared(branch([*BASE, file("5", "ours")]), theirs) == [("duplicate", "5")]
    assert compared(branch([*BASE, file("4")]), theirs) == [("late", "4")]
    assert compared(branch([*BASE, file("5", "theirs")]), theirs) == []
    assert compared(branch([*BASE, file("4")], "4"), theirs) == [("late", "4")]
