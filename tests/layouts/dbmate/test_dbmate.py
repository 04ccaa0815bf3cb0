"""dbmate: what its blocks may look like."""

import pytest

from asyncmigrate._sql.script import read_script
from tests.layouts.disk import Disk
from tests.layouts.formats import rows, told

FORMAT = "dbmate"

UP = "-- migrate:up\n"
DOWN = "-- migrate:down\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT 1;\n", "1_a.sql:1: there is no `-- migrate:up`"),
        ("", "1_a.sql:1: there is no `-- migrate:up`"),
        (DOWN, "1_a.sql:1: there is no `-- migrate:up`"),
        (DOWN + UP, "1_a.sql:1: `-- migrate:down` stands before `-- migrate:up`"),
        ("-- x\nSELECT 1;\n" + UP, "1_a.sql:2: SQL stands before `-- migrate:up`"),
        (
            UP + DOWN + "SELECT 1;\n" + DOWN,
            "1_a.sql:4: a second `-- migrate:down` for one `-- migrate:up`",
        ),
    ],
)
def test_blocks_that_do_not_fit_are_told_with_their_line(
    disk: Disk, text: str, problem: str
) -> None:
    disk.add("1_a.sql", text)

    assert told(disk, FORMAT) == [problem]


def test_options_are_words_behind_the_directive(disk: Disk) -> None:
    texts = ["transaction:false", "transaction:true", "a:b transaction:false", ""]
    for number, options in enumerate(texts):
        disk.add(f"{number}_a.sql", f"-- migrate:up {options}\nSELECT 1;\n{DOWN}")

    assert [row[3] for row in rows(disk, FORMAT)] == [
        "own blocks",
        "one",
        "own blocks",
        "one",
    ]


def test_files_are_ordered_as_text_as_dbmate_orders_them(disk: Disk) -> None:
    for name in ("2_b.sql", "10_a.sql", "1_c.sql"):
        disk.add(name, UP + "SELECT 1;\n")

    assert [row[0] for row in rows(disk, FORMAT)] == ["10", "1", "2"]


def test_two_files_with_the_same_digits_are_told(disk: Disk) -> None:
    disk.add("1_a.sql", UP)
    disk.add("1_b.sql", UP)

    assert told(disk, FORMAT) == [
        "1_b.sql: `1_a.sql` and `1_b.sql` have one version, 1"
    ]


def test_several_blocks_of_one_file_are_a_transaction_each(disk: Disk) -> None:
    disk.add(
        "1_a.sql",
        f"{UP}CREATE TABLE a ()\n{DOWN}DROP TABLE a;\n"
        f"-- migrate:up transaction:false\nCREATE TABLE b ();\n{DOWN}DROP TABLE b;\n",
    )

    (file,) = disk.read().files
    definition = file.define()
    script = read_script(definition.up.text, blocks=True)

    assert definition.up.line == 1
    assert [it.text for it in script.statements] == [
        "CREATE TABLE a ()",
        "CREATE TABLE b ()",
    ]
    assert [script.block_at(at).stop for at in (0, 1)] == [1, 2]
    assert definition.up.text.split("\n")[5] == "CREATE TABLE b ();"
    assert definition.down is not None
    down = read_script(definition.down.text, blocks=True)
    assert [it.text for it in down.statements] == ["DROP TABLE a", "DROP TABLE b"]


def test_a_file_without_digits_in_front_is_passed_over_with_a_warning(
    disk: Disk,
) -> None:
    disk.add("1_a.sql", UP)
    disk.add("schema.sql", UP)

    source = disk.read()

    assert [file.file for file in source.files] == ["1_a.sql"]
    assert source.warnings == ("schema.sql is no migration of dbmate: passed over",)


def test_a_template_behind_an_open_quote_is_left_to_the_reading_of_the_script(
    disk: Disk,
) -> None:
    disk.add("1_a.sql", f"{UP}SELECT 'open {{{{ a }}}}")
    disk.add("2_b.sql", f"{UP}SELECT '{{{{1}}}}', $$ ${{x}} $$; -- {{{{ c }}}}")

    assert told(disk, FORMAT) == []
