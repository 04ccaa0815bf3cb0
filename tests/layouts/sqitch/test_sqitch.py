"""sqitch: what its plan may look like."""

import pytest

from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "sqitch"

BY = "2024-01-01T00:00:00Z Snorri Sturluson <snorri@example.org>"
HEAD = "%syntax-version=1.0.0\n%project=p\n\n"


def plan(disk: Disk, *lines: str) -> None:
    """Write a plan whose changes are all there."""
    disk.add("sqitch.plan", HEAD + "".join(f"{line} {BY}\n" for line in lines))
    for line in lines:
        name = line.lstrip("+").partition(" ")[0]
        disk.add(f"deploy/{name}.sql")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["a", "b [c]"], "sqitch.plan:5: `b` needs `c`, which is not there"),
        (["a", "b [a@v1]"], "sqitch.plan:5: `b` needs `a@v1`, which is not there"),
        (["a", "a"], "sqitch.plan:5: `a` is planned twice without a tag between"),
        (["a", "-a"], "sqitch.plan:5: the plan takes `a` back, which is not done"),
        (["a", "b c"], None),
        (["a", ":b"], "sqitch.plan:5: this line of the plan cannot be read"),
    ],
)
def test_a_plan_that_does_not_fit_is_told_with_its_line(
    disk: Disk, lines: list[str], problem: str | None
) -> None:
    plan(disk, *lines)

    told_of = told(disk, FORMAT)

    assert told_of == (
        [problem]
        if problem
        else ["sqitch.plan:5: this line of the plan cannot be read"]
    )


def test_a_change_without_its_script_is_told(disk: Disk) -> None:
    disk.add("sqitch.plan", f"{HEAD}a {BY} # why\n")

    assert told(disk, FORMAT) == [
        "sqitch.plan:4: there is no `deploy/a.sql` for the change `a`"
    ]


def test_what_another_project_or_a_conflict_asks_for_is_not_looked_at(
    disk: Disk,
) -> None:
    plan(disk, "a [other:x !y]", "+b [a]")

    assert [row[:2] for row in rows(disk, FORMAT)] == [("a", "n:1:a"), ("b", "n:2:b")]


def test_a_project_for_another_database_is_told(disk: Disk) -> None:
    plan(disk, "a")
    disk.add("sqitch.conf", "[core]\n\tengine = mysql\n")

    assert told(disk, FORMAT) == [
        "sqitch.conf: this project is for mysql, not for PostgreSQL"
    ]


def test_a_directory_without_a_plan_is_told(disk: Disk) -> None:
    disk.add("deploy/a.sql")

    assert told(disk, FORMAT) == ["sqitch.plan: there is no plan"]


@pytest.mark.parametrize("file", ["sqitch.plan", "sqitch.conf"])
def test_a_plan_or_configuration_that_is_no_text_is_told(disk: Disk, file: str) -> None:
    plan(disk, "a")
    disk.add(file, b"\xff")

    assert told(disk, FORMAT)[0].startswith(f"{file}:1:1: byte 0xff is not UTF-8")


@pytest.mark.parametrize(
    ("sql", "variable"),
    [
        ("SELECT :'name';", ":'name'"),
        ("SET ROLE :role;", ":role"),
        ('SELECT :"Name";', ':"Name"'),
        ("SELECT a[1:b], ':c', $$ :d $$, e::text, f[:g];", None),
        ("SELECT 'open", None),
    ],
)
def test_a_variable_of_psql_is_named_and_refused(
    disk: Disk, sql: str, variable: str | None
) -> None:
    plan(disk, "a")
    disk.add("deploy/a.sql", f"BEGIN;\n{sql}\nCOMMIT;")

    problems = told(disk, FORMAT)

    assert len(problems) == bool(variable)
    if variable:
        assert problems[0].startswith("deploy/a.sql:2:")
        assert problems[0].endswith(f"`{variable}` is a variable of psql")


def test_an_earlier_script_of_a_reworked_change_has_the_tag_in_its_name(
    disk: Disk,
) -> None:
    lines = [f"a {BY}", f"@v1 {BY}", f"@v2 {BY}", f"a [a@v2] {BY}"]
    disk.add("sqitch.plan", HEAD + "\n".join(lines))
    disk.add("deploy/a.sql")
    disk.add("deploy/a@v2.sql")

    assert [row[:2] for row in rows(disk, FORMAT)] == [
        ("a@v2", "n:1:a@v2"),
        ("a", "n:2:a"),
    ]
