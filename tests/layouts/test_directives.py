"""Directives to options, and a stored DOWN that keeps their meaning."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._layouts.directives import (
    options_of,
    read_stored_down,
    stored_down,
    stored_text,
)
from asyncmigrate._migration import Options, Part
from asyncmigrate._sql.checksum import raw_checksum
from asyncmigrate._sql.sections import read_sections
from tests.layouts.disk import Disk


def read(directives: str) -> tuple[Options, list[str]]:
    section = read_sections(f"-- asyncmigrate: {directives}\nSELECT 1;").up
    assert section is not None
    options, problems = options_of(section, "1.sql")
    return options, [f"{problem} | {problem.hint}" for problem in problems]


@pytest.mark.parametrize(
    ("directives", "options"),
    [
        ("transaction=off", Options(transaction=False)),
        ("transaction=on", Options(transaction=True)),
        ("lock-timeout=500ms", Options(lock_timeout=0.5)),
        ("lock-timeout=0", Options(lock_timeout=0.0)),
        ("block-limit=15s", Options(block_limit=15.0)),
        ("block-limit=off", Options(block_limit=math.inf)),
        ("statement-timeout=10min", Options(statement_timeout=600.0)),
        ("concurrent-timeout=1h", Options(concurrent_timeout=3600.0)),
        ("role=app_owner", Options(role="app_owner")),
        ("irreversible", Options(irreversible=True)),
        ("x-ticket=7 x-alone lock-timeout=7", Options(lock_timeout=7.0)),
        ("lock-timeout=1 role=a", Options(lock_timeout=1.0, role="a")),
    ],
)
def test_a_directive_sets_its_option(directives: str, options: Options) -> None:
    assert read(directives) == (options, [])


@pytest.mark.parametrize(
    ("directives", "problem"),
    [
        (
            "lock_timeout=5s",
            "there is no directive `lock_timeout` | did you mean `lock-timeout`?",
        ),
        (
            "qqq",
            (
                "there is no directive `qqq` | known: transaction, blocks, placeholders, lock-timeout,"
                " block-limit, statement-timeout, concurrent-timeout, role, irreversible"
            ),
        ),
        (
            "transaction",
            "`transaction` wants a value | write `transaction=` and `on` or `off`",
        ),
        (
            "transaction=false",
            "`false` is no value for `transaction` | give `on` or `off`",
        ),
        (
            "lock-timeout=off",
            (
                "`off` is no value for `lock-timeout`"
                " | give a duration such as `5s` or `10min`; `0` is no limit"
            ),
        ),
        (
            "block-limit=-1s",
            (
                "`-1s` is no value for `block-limit`"
                " | give a duration such as `15s`, or `off`"
            ),
        ),
        (
            f"role={'x' * 64}",
            f"`{'x' * 64}` is no value for `role` | give the name of a role",
        ),
        (
            "irreversible=yes",
            "`irreversible` takes no value | write `irreversible` alone",
        ),
    ],
)
def test_what_is_no_directive_is_told_with_what_to_write(
    directives: str, problem: str
) -> None:
    options, problems = read(directives)

    assert problems == [f"1.sql:1:18: {problem}"]
    assert options == Options()


def test_a_key_twice_in_one_section_is_told(disk: Disk) -> None:
    disk.add("1.sql", "-- asyncmigrate: role=a lock-timeout=1 role=b\nSELECT 1;")

    assert disk.wrong() == ["1.sql:1:40: `role` is given twice"]


def test_every_directive_that_is_wrong_is_told() -> None:
    _, problems = read("transaction=maybe nonsense role")

    assert len(problems) == 3


def test_a_down_whose_own_text_says_everything_is_stored_as_it_is(disk: Disk) -> None:
    disk.add(
        "1.sql",
        "-- UP\nCREATE TABLE a ();\n-- DOWN\n-- asyncmigrate: role=a\nDROP TABLE a;",
    )
    definition = disk.define()
    assert definition.down is not None

    stored = stored_down(definition)

    assert stored == definition.down.text
    assert read_stored_down(stored, "1.sql") == Part(
        text=definition.down.text,
        file="1.sql",
        line=1,
        options=Options(role="a"),
    )


def test_a_down_is_stored_with_the_directives_that_stand_before_the_markers(
    disk: Disk,
) -> None:
    disk.add(
        "1.sql",
        "-- asyncmigrate: transaction=off block-limit=off lock-timeout=2s\n"
        "-- UP\nCREATE TABLE a ();\n"
        "-- DOWN\n-- asyncmigrate: lock-timeout=250us role=a\nDROP TABLE a;",
    )
    definition = disk.define()
    assert definition.down is not None

    stored = stored_down(definition)

    assert stored == (
        "-- asyncmigrate: transaction=off lock-timeout=0.00025s block-limit=off role=a"
        "\n-- DOWN\n-- asyncmigrate: lock-timeout=250us role=a\nDROP TABLE a;"
    )
    part = read_stored_down(stored, "1.sql")
    assert part.options == definition.down.options
    assert part.text == definition.down.text


def test_two_downs_of_one_text_that_differ_in_their_directives_are_stored_apart(
    disk: Disk,
) -> None:
    body = "-- UP\nCREATE TABLE a ();\n-- DOWN\nDROP TABLE a;"
    disk.add("1.sql", body)
    disk.add("2.sql", f"-- asyncmigrate: transaction=on\n{body}")
    plain, other = (file.define() for file in disk.read().files)

    assert plain.down_checksum != other.down_checksum
    for definition in (plain, other):
        stored = stored_down(definition)
        assert stored is not None
        assert definition.down_checksum == raw_checksum(stored)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("1.sql", "SELECT 1;"),
        ("1.py", "async def up(c): ...\nasync def down(c): ...\n"),
    ],
)
def test_without_a_down_and_for_python_nothing_is_stored(
    disk: Disk, name: str, text: str
) -> None:
    disk.add(name, text)

    assert stored_down(disk.define()) is None


seconds = st.none() | st.floats(0, 1e9).map(lambda value: round(value, 6))
every_options = st.builds(
    Options,
    transaction=st.none() | st.booleans(),
    lock_timeout=seconds,
    block_limit=seconds | st.just(math.inf),
    statement_timeout=seconds,
    concurrent_timeout=seconds,
    role=st.none() | st.from_regex(r"[a-z_][a-z0-9_]{0,62}", fullmatch=True),
)
texts = st.sampled_from(
    [
        "DROP TABLE a;",
        "-- asyncmigrate: role=b\nDROP TABLE a;",
        "-- a note\nSELECT '\n-- DOWN\n';",
        "-- asyncmigrate: lock-timeout=1s\nSELECT 1;",
    ]
)


@given(texts, every_options)
def test_a_stored_down_keeps_its_text_and_its_options(
    text: str, options: Options
) -> None:
    part = Part(text=text, file="1.sql", line=1, options=options)

    assert read_stored_down(stored_text(part), "1.sql") == part
