"""The comparison with psql tells what is the same, and what is not."""

from pathlib import Path

import pytest

from asyncmigrate._migration import Direction
from tests.corpus import __main__ as command
from tests.corpus.dumps import normalised
from tests.corpus.report import Phase
from tests.corpus.sides import IN_TRANSACTION, Failure
from tests.kit import servers

HARMLESS = {
    "1_users.up.sql": "CREATE TABLE users (id integer);\n",
    "1_users.down.sql": "DROP TABLE users;\n",
    "2_index.up.sql": "-- no-transaction\nCREATE INDEX CONCURRENTLY ON users (id);\n",
    "2_index.down.sql": "DROP INDEX users_id_idx;\n",
    "3_rows.up.sql": "COPY users FROM stdin;\n1\n2\n\\.\n",
    "3_rows.down.sql": "-- nothing\n",
}
BROKEN = {
    "4_typo.up.sql": "CREATE TABLE lost (id integer);\nALTER TABLE nowhere ADD x int;\n",
    "5_shell.up.sql": "SELECT 1;\n\\! touch shell\n",
    "6_tags.up.sql": "CREATE TABLE tags (id integer);\n",
    "6_tags.down.sql": "DROP TABLE tag;\n",
    "7_mixed.up.sql": "CREATE TABLE t (i int);\nCREATE INDEX CONCURRENTLY ON t (i);\n",
}


GIVEN = servers.binaries()
needs_psql = pytest.mark.skipif(
    GIVEN is not None and not any(GIVEN.glob("**/pg_dump")),
    reason="the binaries that were given are a server without its clients",
)


def write(directory: Path, files: dict[str, str]) -> Path:
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


@needs_psql
def test_failures_on_both_sides_are_told_with_their_places_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write(tmp_path / "migrations", HARMLESS | BROKEN)
    monkeypatch.setattr("sys.argv", ["corpus", str(directory), "--format", "sqlx"])

    status = command.main()

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sqlx: 5 migrations, 3 with a DOWN; 6 statements, ")
    told = [line.strip() for line in lines if ".sql" in line]
    mixed = "CREATE INDEX CONCURRENTLY cannot be in a transaction, and other"
    typo = 'failed: 4_typo.up.sql:2: 42P01 relation "nowhere" does not exist'
    assert told == [
        "refused: 5_shell.up.sql:2: `\\!` is a command of psql, not SQL",
        f"refused: 7_mixed.up.sql:2: {mixed} statements stand beside it",
        typo,
        'failed: 6_tags.down.sql:1 (DOWN): 42P01 table "tag" does not exist',
        typo,
        'failed: 6_tags.up.sql:1: 42P07 relation "tags" already exists',
    ]
    assert [line.partition(";")[2] for line in lines if " s; " in line] == [
        " 1 failures, by psql 1; schemas equal",
        " 1 failures, by psql 1; schemas equal",
        " 2 failures, by psql 2; schemas equal",
    ]
    assert not (tmp_path / "shell").exists()
    assert status == 0


def test_wrong_names_are_told_and_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write(tmp_path / "migrations", {"1_a.sql": "", "01_b.sql": ""})
    monkeypatch.setattr("sys.argv", ["corpus", str(directory), "--format", "sqlx"])

    assert command.main() == 2
    assert "have one version" in capsys.readouterr().out


def failure(version: str, sqlstate: str | None) -> Failure:
    return Failure(version, Direction.UP, f"{version}.sql:1", sqlstate, "no")


def test_a_failure_of_one_side_alone_is_told_and_so_is_another_schema() -> None:
    table = "CREATE TABLE public.a (\n    id integer\n);\n"
    noise = "-- Name: a\n\\restrict abc\nSET row_security = off;\n\n"
    phase = Phase(
        "apply",
        1.0,
        [failure("1", "42P01"), failure("2", None), failure("3", "42P01")],
        [failure("1", "42P01"), failure("2", IN_TRANSACTION), failure("4", "42601")],
        (normalised(noise + table), normalised(table.replace("id", "no"))),
    )

    assert phase.alone == [
        "by asyncmigrate alone: 3.sql:1: 42P01 no",
        "by psql alone: 4.sql:1: 42601 no",
    ]
    assert [line for line in phase.difference.splitlines() if "integer" in line] == [
        "-    id integer",
        "+    no integer",
    ]


def test_what_differs_from_dump_to_dump_is_no_difference() -> None:
    noise = "-- Name: a\n\\restrict abc\nSET row_security = off;\n\n"

    assert normalised(noise + "CREATE SCHEMA a;") == normalised("CREATE SCHEMA a;")
