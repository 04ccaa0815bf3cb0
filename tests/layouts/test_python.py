"""Python migrations, read without being imported."""

import pytest

from asyncmigrate._migration import Options
from asyncmigrate._sql.checksum import python_token_checksum, raw_checksum
from tests.layouts.disk import Disk

BOTH = '''\
"""Move the files."""

raise SystemExit("imported")


async def up(connection):
    pass


async def down(connection):
    pass
'''


def test_a_python_migration_is_its_whole_file_and_is_not_imported(disk: Disk) -> None:
    disk.add("0007_move_files.py", "\ufeff" + BOTH.replace("\n", "\r\n"))

    definition = disk.define()

    assert definition.up.text == BOTH.rstrip("\n")
    assert (definition.up.python, definition.up.line) == (True, 1)
    assert definition.up.options == Options()
    assert definition.down == definition.up
    assert definition.checksum == definition.down_checksum == raw_checksum(BOTH)
    assert definition.token_checksum == python_token_checksum(BOTH)


def test_a_comment_does_not_change_the_token_checksum(disk: Disk) -> None:
    disk.add("1.py", BOTH)
    before = disk.define()
    disk.add("1.py", f"# a comment\n{BOTH}")
    after = disk.define()

    assert before.checksum != after.checksum
    assert before.token_checksum == after.token_checksum


def test_without_down_there_is_none(disk: Disk) -> None:
    disk.add("1.py", "async def up(connection): pass")

    definition = disk.define()

    assert definition.down is None
    assert definition.down_checksum is None


@pytest.mark.parametrize(
    ("line", "transaction"),
    [
        ("transaction = False", False),
        ("transaction: bool = True", True),
        ("a = transaction = False", False),
        ("transaction = True; transaction = False", False),
        ("other = False", None),
        ("other.transaction = False", None),
        ("def inner():\n    transaction = False", None),
    ],
)
def test_transaction_is_what_the_module_says(
    disk: Disk, line: str, *, transaction: bool | None
) -> None:
    disk.add("1.py", f"{line}\nasync def up(connection): pass")

    assert disk.define().up.options == Options(transaction=transaction)


@pytest.mark.parametrize(
    "up",
    [
        "async def up(connection, /): pass",
        "async def up(*connections): pass",
        "async def up(connection, more=None, *, other=1, **rest): pass",
        "def up(c): pass\nasync def up(c): pass",
    ],
)
def test_anything_that_can_be_called_with_a_connection_is_taken(
    disk: Disk, up: str
) -> None:
    disk.add("1.py", up)

    assert disk.define().up.python


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "1.py:1: there is no function `up` at module level"),
        ("up = 1", "1.py:1: there is no function `up` at module level"),
        ("\n\ndef up(c): pass", "1.py:3:1: `up` is no `async def`"),
        ("class up: pass", "1.py:1:1: `up` is no `async def`"),
        (
            "async def up(c): pass\ndef down(c): pass",
            "1.py:2:1: `down` is no `async def`",
        ),
        ("async def up(): pass", "1.py:1:1: `up` takes one argument"),
        ("async def up(a, b): pass", "1.py:1:1: `up` takes one argument"),
        ("async def up(a, *, b): pass", "1.py:1:1: `up` takes one argument"),
        (
            "async def up(c): pass\ntransaction = 0",
            "1.py:2:1: `transaction` must be `True` or `False`, written out",
        ),
        ("async def up(c):\n    x = = 1\n", "1.py:2:9: invalid syntax"),
        ("async def up(c):\npass\n", None),
        (f"{'-' * 100_000}1", None),
    ],
)
def test_what_is_no_migration_is_refused_with_its_line(
    disk: Disk, text: str, wrong: str | None
) -> None:
    disk.add("1.py", text)

    told = disk.wrong()

    assert len(told) == 1
    assert told[0].startswith("1.py:")
    assert wrong is None or told == [wrong]


def test_everything_that_is_wrong_is_told_at_once_with_a_remedy(disk: Disk) -> None:
    disk.add("1.py", "def up(): pass\nasync def down(): pass\ntransaction = None\n")

    problems = disk.refused()

    assert [problem.line for problem in problems] == [1, 2, 3]
    assert problems[1].hint == (
        "write `async def down(connection: asyncpg.Connection) -> None:`"
    )
