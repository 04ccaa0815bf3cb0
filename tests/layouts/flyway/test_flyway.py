"""Flyway: what its names and configurations may look like."""

import pytest

from asyncmigrate._layouts import read_directory
from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "flyway"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "V1_init.sql",
            (
                "two underscores must stand between the version and the name |"
                " rename it to `V1__init.sql`"
            ),
        ),
        (
            "V1.2.sql",
            (
                "two underscores must stand between the version and the name |"
                " rename it to `V1.2__name.sql`"
            ),
        ),
        (
            "V1a__init.sql",
            (
                "the version must be numbers with dots between them |"
                " rename it to `V1__a__init.sql`"
            ),
        ),
        (
            "R_views.sql",
            (
                "two underscores must stand between `R` and the name |"
                " rename it to `R__views.sql`"
            ),
        ),
        (
            "R1__views.sql",
            "a repeatable migration has no version | rename it to `R__views.sql`",
        ),
        (
            "beforeMigrate.sql",
            (
                "this is a callback of Flyway, which cannot be run from here |"
                " do its work in a migration, or leave it out: `--skip 'beforeMigrate.sql'`"
            ),
        ),
        (
            "U9__a.sql",
            (
                "there is no migration of version 9 for it to undo |"
                " add `V9__a.sql`, or take this file away"
            ),
        ),
    ],
)
def test_a_name_that_flyway_does_not_take_is_told_with_the_right_one(
    disk: Disk, name: str, problem: str
) -> None:
    disk.add("V7__good.sql")
    disk.add(name)

    (found,) = disk.read().problems

    assert f"{found.message} | {found.hint}" == problem
    assert found.file == name


@pytest.mark.parametrize("name", ["V2__a.java", "R__a.java", "V2__a.sh", "V2__a.py"])
def test_a_migration_in_another_language_is_named_and_refused(
    disk: Disk, name: str
) -> None:
    disk.add("V1__a.sql")
    disk.add(name)

    (problem,) = told(disk, FORMAT)

    assert problem.startswith(f"{name}: a migration in ")


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("V1", "1", "n:1"),
        ("V001", "001", "n:1"),
        ("V1.0", "1.0", "n:1"),
        ("V1.0.0.1", "1.0.0.1", "n:1.0.0.1"),
        ("V13_1_00", "13.1.00", "n:13.1"),
        ("V0", "0", "n:0"),
        ("5", "5", "n:5"),
        ("20241806", "20241806", "n:20241806"),
    ],
)
def test_versions_are_numbers_with_dots_whose_trailing_zeros_do_not_count(
    disk: Disk, name: str, text: str, key: str
) -> None:
    disk.add(f"{name}__Ärger_2_.sql")

    assert rows(disk, FORMAT) == [(text, key, "Ärger_2_", "one", False)]


def test_two_spellings_of_one_version_are_told(disk: Disk) -> None:
    disk.add("V1__a.sql")
    disk.add("b/V1.0__b.sql")

    assert told(disk, FORMAT) == [
        "b/V1.0__b.sql: `V1__a.sql` and `b/V1.0__b.sql` have one version, 1.0"
    ]


@pytest.mark.parametrize(
    ("conf", "policy"),
    [
        ("executeInTransaction=false", "one by one"),
        ("# no\n\n executeInTransaction = FALSE \n", "one by one"),
        ("executeInTransaction=true", "one"),
        ("encoding=UTF-8\nshouldExecute=true", "one"),
    ],
)
def test_the_configuration_beside_a_script_is_obeyed(
    disk: Disk, conf: str, policy: str
) -> None:
    disk.add("V1__a.sql")
    disk.add("V1__a.sql.conf", conf)

    assert [row[3] for row in rows(disk, FORMAT)] == [policy]


@pytest.mark.parametrize(
    "conf",
    ["shouldExecute=${env}==prod", "encoding=latin1", "executeInTransaction=x", "y"],
)
def test_what_the_configuration_asks_for_in_vain_is_told(disk: Disk, conf: str) -> None:
    disk.add("V1__a.sql")
    disk.add("V1__a.sql.conf", f"# why\n{conf}\n")

    assert told(disk, FORMAT) == [f"V1__a.sql.conf:2: `{conf}` is not supported here"]


def test_placeholders_are_filled_in_unless_they_are_switched_off(disk: Disk) -> None:
    disk.add("V1__a.sql", "SELECT '${a}';")
    disk.add("V2__a.sql", "SELECT '${a}';")
    disk.add("V2__a.sql.conf", "placeholderReplacement=false")
    disk.add("V3__a.sql", "SELECT 1;")

    assert [row[3] for row in rows(disk, FORMAT)] == ["one, flyway", "one", "one"]


def test_a_baseline_stands_in_for_versions_whose_files_are_gone(disk: Disk) -> None:
    disk.add("B3__old.sql")
    disk.add("B5__all.sql")
    disk.add("V6__next.sql")

    source = disk.read(format=FORMAT)

    assert [file.file for file in source.files] == ["B5__all.sql", "V6__next.sql"]
    assert [warning.partition(" ")[0] for warning in source.warnings] == ["B3__old.sql"]


def test_a_file_without_any_prefix_of_flyways_is_passed_over_with_a_warning(
    disk: Disk,
) -> None:
    disk.add("V1__a.sql")
    disk.add("v2__b.sql")
    disk.add("1_c.sql")

    source = disk.read()

    assert source.warnings == ("v2__b.sql is no migration of flyway: passed over",)
    assert told(disk, FORMAT) == [
        "1_c.sql: it is named like a migration, and none of flyway"
    ]


def test_several_locations_are_one_sequence(disk: Disk) -> None:
    disk.add("a/V1__a.sql")
    disk.add("b/V2__b.sql")

    source = read_directory([str(disk.path / "b"), str(disk.path / "a")])

    assert [file.label for file in source.files] == ["1", "2"]
    assert source.problems == ()
