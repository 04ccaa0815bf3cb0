"""sql-migrate: what its annotations may look like."""

import pytest

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "sql-migrate"

UP = "-- +migrate Up\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            UP + "-- +migrate StatementBegin\nSELECT 1;",
            "1_a.sql:2: `-- +migrate StatementBegin` without a StatementEnd",
        ),
        ("SELECT 1;", "1_a.sql:1: there is neither `-- +migrate Up` nor"),
        (UP + "-- +migrate Upp\n", "1_a.sql:2: sql-migrate knows no command `Upp`"),
        (UP + "-- +migrate \n", "1_a.sql:2: sql-migrate knows no command ``"),
    ],
)
def test_annotations_that_do_not_fit_are_told_with_their_line(
    disk: Disk, text: str, problem: str
) -> None:
    disk.add("1_a.sql", text)

    (found,) = told(disk, FORMAT)

    assert found.startswith(problem)


def test_the_whole_name_is_the_identity_and_numbers_come_first(disk: Disk) -> None:
    for name in ("b.sql", "10_a.sql", "2_b.sql", "2_a.sql"):
        disk.add(name, UP + "SELECT 1;")

    assert [row[:3] for row in rows(disk, FORMAT)] == [
        ("2_a.sql", "n:2:2_a.sql", "a"),
        ("2_b.sql", "n:2:2_b.sql", "b"),
        ("10_a.sql", "n:10:10_a.sql", "a"),
        ("b.sql", "name:b.sql", "b"),
    ]


def test_a_direction_may_be_taken_up_again_and_lines_stay_where_they_are(
    disk: Disk,
) -> None:
    disk.add("1_a.sql", f"{UP}SELECT 1;\n-- +migrate Down\nSELECT 2;\n{UP}SELECT 3;")

    (file,) = disk.read().files
    up, down = file.define().up, file.define().down

    assert up.line == 2
    assert up.text == "SELECT 1;\n\n\n\nSELECT 3;"
    assert down is not None
    assert (down.line, down.text) == (4, "SELECT 2;")


def test_statements_before_the_first_direction_are_ignored_as_the_tool_does(
    disk: Disk,
) -> None:
    disk.add("1_a.sql", f"-- +migrate StatementBegin\nSELECT 0;\n{UP}SELECT 1;")

    (file,) = disk.read().files

    assert file.define().up.text == "SELECT 1;"
