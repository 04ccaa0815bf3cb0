"""What the rows of other tools' tables mean, and how a wish is read."""

import hashlib
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._foreign import OldRow, SeenTable, digest
from asyncmigrate._plan import old_checksums, old_meanings
from asyncmigrate._plan.adoption import Adoption
from asyncmigrate._plan.old_tables import (
    AdoptWish,
    choose_table,
    names_to_find,
    read_wish,
)
from asyncmigrate._plan.old_tools import BY_NAME, OLD_TOOLS
from asyncmigrate.errors import DatabaseUnusable, InvalidUsage


def applied(meaning: old_meanings.Meaning) -> list[str]:
    return [row.key for row in meaning.applied]


def flyway(*rows: tuple[str, str]) -> old_meanings.Meaning:
    """Of versions and types, in the order of their ranks."""
    return old_meanings.flyway(
        [OldRow(key, label="name" if key else "views", kind=kind) for key, kind in rows]
    )


def test_flyways_newest_row_of_a_version_decides() -> None:
    undone = flyway(("1", "SQL"), ("2", "SQL"), ("2", "UNDO_SQL"))
    again = flyway(("1", "SQL"), ("2", "SQL"), ("2", "UNDO_SQL"), ("2", "SQL"))
    deleted = flyway(("1", "SQL"), ("1.0", "DELETE"), ("2", "JDBC"))

    assert applied(undone) == ["1"]
    assert applied(again) == ["1", "2"]
    assert applied(deleted) == ["2"]


def test_flyways_baseline_is_a_mark_and_its_schema_row_is_none() -> None:
    found = flyway(("", "SCHEMA"), ("3", "BASELINE"), ("2", "SQL_BASELINE"))

    assert (applied(found), found.upto, found.head) == ([], "3", "3")


def test_flyway_stands_at_its_highest_version_whatever_came_last() -> None:
    found = flyway(("10", "SQL"), ("9", "SQL"), ("", "SQL"), ("", "SQL"))

    assert applied(found) == ["R:views", "9", "10"]
    assert found.head == "10"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("1.0", "1"), ("001", "1"), ("1_2", "1.2"), ("0.0", "0"), ("1.10", "1.10")],
)
def test_flyways_versions_are_compared_as_numbers(text: str, canonical: str) -> None:
    assert old_meanings.dotted(text) == canonical


def test_gooses_newest_row_of_a_version_decides() -> None:
    rows = [
        OldRow("0"),
        OldRow("1"),
        OldRow("2"),
        OldRow("2", state="undone"),
        OldRow("1", state="undone"),
        OldRow("1"),
    ]

    assert applied(old_meanings.goose(rows)) == ["1"]


def test_prismas_rows_that_were_rolled_back_do_not_count() -> None:
    rows = [
        OldRow("a", state="rolled back"),
        OldRow("a"),
        OldRow("b", state="rolled back"),
    ]

    found = old_meanings.prisma(rows)

    assert (applied(found), found.obstacles) == (["a"], [])


def test_golang_migrate_below_zero_has_applied_nothing() -> None:
    dirty = old_meanings.golang_migrate([OldRow("-1", state="dirty")])

    assert old_meanings.golang_migrate([]).head is None
    assert old_meanings.golang_migrate([OldRow("-1")]).head is None
    assert [each.key for each in dirty.obstacles] == ["-1"]


def test_each_checksum_is_the_one_that_the_tool_computes() -> None:
    text = "\ufeffCREATE TABLE a ();\r\nSELECT 1;\n"
    value = zlib.crc32(b"CREATE TABLE a ();SELECT 1;")
    signed = value - (1 << 32) if value >= 1 << 31 else value

    assert old_checksums.flyway(text.encode(), str(signed))
    assert not old_checksums.flyway(text.encode(), str(signed + 1))
    # Both are examples of Prisma's own tests, the second as old releases wrote it.
    long = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert old_checksums.prisma(b"hello", long)
    short = "2cf24dba5fb0a3e26e83b2ac5b9e29e1b161e5c1fa7425e7343362938b9824"
    assert old_checksums.prisma(b"hello", short)
    assert not old_checksums.prisma(b"hello!", long)
    assert old_checksums.graphile(b"--! Previous: -\n--! Hash: sha1:ab\n\nx", "sha1:ab")
    assert not old_checksums.graphile(b"SELECT 1;", "sha1:ab")


@given(st.text(alphabet="ab\n", max_size=20))
def test_line_ends_make_no_difference_to_prisma(text: str) -> None:
    unix, windows = text.encode(), text.replace("\n", "\r\n").encode()
    stored = hashlib.sha256(unix).hexdigest()

    assert old_checksums.prisma(windows, stored)


def test_a_digest_tells_states_and_repetitions_apart_and_not_the_order() -> None:
    one, two = ("1", "", "applied"), ("2", "", "applied")

    assert digest([one, two]) == digest([two, one])
    assert digest([one]) != digest([one, one])
    assert digest([one]) != digest([("1", "", "dirty")])


names = st.text("ab\"'. ,\n\u00e9", min_size=1, max_size=9)


@given(schema=names, table=names, rows=st.integers(0, 3), migrations=st.integers(0, 3))
def test_an_adoption_is_read_back_as_it_was_written(
    schema: str, table: str, rows: int, migrations: int
) -> None:
    adoption = Adoption(
        tool="golang-migrate",
        schema=schema,
        table=table,
        rows=rows,
        digest=digest([]),
        migrations=migrations,
    )

    assert Adoption.read(str(adoption)) == adoption


def test_what_tells_of_no_adoption_is_none() -> None:
    assert Adoption.read("accepted the edit of 0001") is None


@pytest.mark.parametrize(
    ("given_tool", "at", "wish"),
    [
        (None, None, AdoptWish()),
        ("goose", None, AdoptWish(tool="goose")),
        ("goose:versions", None, AdoptWish(tool="goose", table="versions")),
        ("goose:a.b", None, AdoptWish(tool="goose", schema="a", table="b")),
        (
            'goose:"a.b"."c""d"',
            None,
            AdoptWish(tool="goose", schema="a.b", table='c"d'),
        ),
        ("tern", "12", AdoptWish(tool="tern", at="12")),
        ("tern", "12=7", AdoptWish(tool="tern", at="12", head="7")),
    ],
)
def test_a_wish_names_tool_table_version_and_head(
    given_tool: str | None, at: str | None, wish: AdoptWish
) -> None:
    assert read_wish(given_tool, at) == wish


@pytest.mark.parametrize(
    ("given_tool", "at"),
    [
        ("", None),
        ("other", None),
        ("goose:", None),
        ("goose:a.b.c", None),
        ("goose", "="),
    ],
)
def test_a_wish_that_cannot_be_read_is_refused(given_tool: str, at: str | None) -> None:
    with pytest.raises(InvalidUsage):
        read_wish(given_tool, at)


def table(called: str, /, schema: str = "public", **columns: str) -> SeenTable:
    return SeenTable(schema=schema, name=called, kind="r", columns=columns)


def test_every_tool_is_recognised_by_its_own_table_alone() -> None:
    for tool in OLD_TOOLS:
        types = {name: min(known) for name, known in tool.columns.items()}
        schema = tool.schema or "app"
        seen = [table(tool.tables[0], schema, **types)]
        if tool.companion:
            seen.append(table(tool.companion, schema))

        chosen, where = choose_table(seen, AdoptWish(), "native")

        assert (chosen.name, where) == (tool.name, seen[0])


def test_an_applications_own_table_of_such_a_name_is_passed_over() -> None:
    seen = [table("changes", id="bigint"), table("alembic_version", version_num="text")]

    tool, _ = choose_table(seen, AdoptWish(), "native")

    assert tool.name == "alembic"
    assert "projects" in names_to_find(AdoptWish())
    assert names_to_find(AdoptWish(tool="tern")) == ("schema_version",)


def test_a_table_that_no_tool_would_make_is_told_with_what_is_odd() -> None:
    seen = [table("schema_migrations", version="bigint", inserted_at="timestamp")]

    with pytest.raises(DatabaseUnusable, match=r"public\.schema_migrations is not"):
        choose_table(seen, AdoptWish(), "native")


def test_of_two_histories_that_of_the_files_own_tool_is_meant() -> None:
    seen = [
        table("alembic_version", version_num="text"),
        table("schema_migrations", version="text"),
    ]

    tool, _ = choose_table(seen, AdoptWish(), "dbmate")

    assert tool.name == "dbmate"
    with pytest.raises(InvalidUsage, match="more than one history"):
        choose_table(seen, AdoptWish(), "native")


def test_what_stands_in_the_schema_of_one_tool_is_no_others() -> None:
    seen = [table("schema_migrations", "supabase_migrations", version="text")]

    with pytest.raises(DatabaseUnusable, match="supabase"):
        choose_table(seen, AdoptWish(), "native")
    assert BY_NAME["supabase"].schema == "supabase_migrations"


def test_the_page_about_adopting_tells_of_every_tool() -> None:
    page = Path(__file__).parents[2] / "docs" / "adopting.md"
    rows = re.findall(
        r"^\| `([a-z-]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert rows == [tool.name for tool in OLD_TOOLS]
