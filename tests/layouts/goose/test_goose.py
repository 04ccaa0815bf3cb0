"""goose: what its annotations may look like."""

import pytest

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "goose"

UP = "-- +goose Up\n"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            UP + "-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\nSELECT 2;",
            ["1_a.sql:2: `-- +goose StatementBegin` without a StatementEnd"],
        ),
        (
            UP + "SELECT 1;\n-- +goose StatementEnd\n",
            ["1_a.sql:3: `-- +goose StatementEnd` without a StatementBegin"],
        ),
        (
            UP + "-- +goose StatementBegin\n-- +goose StatementBegin\n",
            [
                "1_a.sql:2: `-- +goose StatementBegin` without a StatementEnd",
                "1_a.sql:3: `-- +goose StatementBegin` without a StatementEnd",
            ],
        ),
        ("SELECT 1;\n" + UP, ["1_a.sql:1: SQL stands before `-- +goose Up`"]),
        ("SELECT 1;\n", ["1_a.sql:1: SQL stands before `-- +goose Up`"]),
        ("-- nothing\n", ["1_a.sql:1: there is no `-- +goose Up`"]),
        (
            "-- +goose Down\n" + UP,
            ["1_a.sql:1: `-- +goose Down` stands before `-- +goose Up`"],
        ),
        (UP + UP, ["1_a.sql:2: a second `-- +goose Up`"]),
        (UP + "-- +goose Upp\n", ["1_a.sql:2: goose knows no annotation `Upp`"]),
        (
            UP + "  -- +goose Down\n",
            ["1_a.sql:2: an annotation stands at the beginning of its line"],
        ),
        (
            "-- +goose StatementBegin\n" + UP + "-- +goose StatementEnd",
            [
                "1_a.sql:1: `-- +goose StatementBegin` stands before `-- +goose Up`",
                "1_a.sql:3: `-- +goose StatementEnd` without a StatementBegin",
            ],
        ),
    ],
)
def test_annotations_that_do_not_fit_are_told_with_their_line(
    disk: Disk, text: str, problems: list[str]
) -> None:
    disk.add("1_a.sql", text)

    assert told(disk, FORMAT) == problems


def test_annotations_count_in_any_case_and_with_any_blanks_between(disk: Disk) -> None:
    disk.add("1_a.sql", "--+goose up\nSELECT 1;\n--  +goose   DOWN\nSELECT 2;")
    disk.add("2_b.sql", "-- +goose no  transaction\n-- +goose Up\nSELECT 1;")

    assert [row[3:] for row in rows(disk, FORMAT)] == [
        ("one", True),
        ("one by one", False),
    ]


def test_variables_are_filled_in_from_where_they_are_switched_on(disk: Disk) -> None:
    disk.add("1_a.sql", "-- +goose ENVSUB ON\n" + UP + "$A\n-- +goose Down\n$B;")
    disk.add("2_b.sql", UP + "-- +goose ENVSUB ON\n$A\n")
    disk.add("3_c.sql", UP + "SELECT '$A';")

    definitions = [file.define() for file in disk.read(format=FORMAT).files]

    filled = [each.up.options.placeholders for each in definitions]
    assert filled == ["goose-on", "goose", None]
    assert definitions[0].down is not None
    assert definitions[0].down.options.placeholders == "goose-on"


def test_a_migration_in_go_is_named_and_refused_unless_it_is_skipped(
    disk: Disk,
) -> None:
    disk.add("1_a.sql", UP + "SELECT 1;")
    disk.add("2_b.go", "package main")
    disk.add("3_b_test.go", "package main")
    disk.add("helpers.go", "package main")

    (problem,) = disk.read().problems

    assert str(problem) == "2_b.go: a migration in Go cannot be run from here"
    assert problem.hint is not None
    assert "--skip '2_b.go'" in problem.hint
    assert told(disk, FORMAT)


@pytest.mark.parametrize("name", ["0_a.sql", "1a.sql", "2024-01-01_a.sql"])
def test_a_number_that_goose_does_not_take_is_told(disk: Disk, name: str) -> None:
    disk.add(name, UP + "SELECT 1;")

    (problem,) = told(disk, FORMAT)

    assert problem == f"{name}: it is named like a migration, and none of goose"
