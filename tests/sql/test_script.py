"""What a script may hold, what of it runs, and what is refused."""

import pytest

from asyncmigrate._sql.script import Script, read_script

BESIDE = "cannot be in a transaction, and other statements stand beside it"
CONTROLS = "controls a transaction, and `transaction=off` says there is none"


def refused(script: Script) -> list[str]:
    return [f"{it.line}:{it.column} {it.message}" for it in script.refusals]


def statements(script: Script) -> list[str]:
    return [statement.text for statement in script.statements]


@pytest.mark.parametrize(
    ("begin", "commit", "modes"),
    [
        ("BEGIN;", "COMMIT;", ""),
        ("begin work ;", "end transaction", ""),
        (
            "START TRANSACTION ISOLATION LEVEL /* a */ serializable, read only;",
            "COMMIT AND NO CHAIN;",
            "ISOLATION LEVEL SERIALIZABLE, READ ONLY",
        ),
        (
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE NOT DEFERRABLE;",
            "COMMIT",
            "ISOLATION LEVEL REPEATABLE READ, READ WRITE, NOT DEFERRABLE",
        ),
    ],
)
def test_a_wrapper_is_taken_off_and_every_offset_stays(
    begin: str, commit: str, modes: str
) -> None:
    text = f"-- a\n{begin}\nSAVEPOINT a; RELEASE a;\nSELECT 1;\n{commit}\n"

    script = read_script(text)

    assert refused(script) == []
    assert (script.wrapped, script.modes, script.transaction) == (True, modes, True)
    assert statements(script) == ["SAVEPOINT a", "RELEASE a", "SELECT 1"]
    assert script.body == text.replace(begin, " " * len(begin)).replace(
        commit, " " * len(commit)
    )


def test_a_wrapper_over_several_lines_keeps_its_line_ends() -> None:
    script = read_script("BEGIN\r\nWORK;SELECT 1;COMMIT\n;")

    assert script.body == "     \r\n     SELECT 1;      \n "


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN; SELECT 1;",
        "SELECT 1; COMMIT;",
        "BEGIN; COMMIT AND CHAIN;",
        "BEGIN ISOLATION; SELECT 1; COMMIT;",
        "BEGIN; SELECT 1; ROLLBACK;",
        "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;",
        "SELECT 1; BEGIN; SELECT 2; COMMIT;",
        "BEGIN;",
    ],
)
def test_anything_else_that_controls_the_transaction_is_refused(text: str) -> None:
    script = read_script(text)

    assert not script.wrapped
    assert script.body == text
    assert refused(script)


def test_every_control_statement_is_refused_with_its_place() -> None:
    script = read_script(
        "SELECT 1;\n  COMMIT; rollback; ABORT;\nPREPARE TRANSACTION 'a'; BEGIN; END"
    )

    end = "would end the transaction that the migration runs in"
    assert refused(script) == [
        f"2:3 COMMIT {end}",
        f"2:11 ROLLBACK {end}",
        f"2:21 ABORT {end}",
        f"3:1 PREPARE {end}",
        "3:26 BEGIN begins a transaction, and a migration is in one already",
        f"3:33 END {end}",
    ]
    assert all(it.hint for it in script.refusals)


def test_a_body_that_begins_and_ends_blocks_is_not_meant() -> None:
    script = read_script(
        "DO $$ BEGIN COMMIT; END $$; PREPARE p AS SELECT 1; ROLLBACK TO SAVEPOINT a;"
    )

    assert refused(script) == []


@pytest.mark.parametrize(
    ("text", "modes", "kept"),
    [
        (
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1;",
            "ISOLATION LEVEL SERIALIZABLE",
            ["SELECT 1"],
        ),
        (
            "BEGIN READ WRITE; SET LOCAL a.b = 1;\nSET TRANSACTION DEFERRABLE; COMMIT",
            "READ WRITE, DEFERRABLE",
            ["SET LOCAL a.b = 1"],
        ),
        (
            "SELECT 1; SET TRANSACTION READ ONLY",
            "",
            ["SELECT 1", "SET TRANSACTION READ ONLY"],
        ),
        (
            "SET TRANSACTION SNAPSHOT 'a'; SELECT 1",
            "",
            ["SET TRANSACTION SNAPSHOT 'a'", "SELECT 1"],
        ),
    ],
)
def test_leading_modes_go_into_begin(text: str, modes: str, kept: list[str]) -> None:
    script = read_script(text)

    assert refused(script) == []
    assert (script.modes, statements(script)) == (modes, kept)
    assert [it.text for it in read_script(script.body).statements] == kept


def test_restrict_lines_are_passed_over_and_other_commands_refused() -> None:
    text = "\\restrict aB1\nSELECT 1;\n\\unrestrict aB1 \n\\restrict\n\\i x.sql\n\\.\n"

    script = read_script(text)

    assert refused(script) == [
        "4:1 `\\restrict` is a command of psql, not SQL",
        "5:1 `\\i` is a command of psql, not SQL",
        "6:1 `\\.` ends COPY data, and no COPY … FROM STDIN stands before it",
    ]
    assert script.body.startswith(" " * 13 + "\nSELECT 1;\n")
    assert len(script.body) == len(text)
    assert statements(script) == ["SELECT 1"]


def test_statements_that_cannot_be_in_a_transaction_need_no_directive_alone() -> None:
    script = read_script("VACUUM; CREATE INDEX CONCURRENTLY a ON t (b);")

    assert refused(script) == []
    assert (script.transaction, script.transactional, script.mixed) == (
        False,
        False,
        False,
    )


def test_mixed_with_others_they_ask_for_the_directive() -> None:
    text = "SELECT 1;\nDROP INDEX CONCURRENTLY a;"

    script = read_script(text)

    assert script.mixed
    assert refused(script) == [f"2:1 DROP INDEX CONCURRENTLY {BESIDE}"]
    assert "`-- asyncmigrate: transaction=off`" in script.refusals[0].hint
    allowed = read_script(text, transaction=False)
    assert (refused(allowed), allowed.transaction) == ([], False)


@pytest.mark.parametrize(
    ("text", "transaction", "message"),
    [
        ("BEGIN; VACUUM; COMMIT;", None, "1:8 VACUUM cannot be in a transaction"),
        ("VACUUM", True, "1:1 VACUUM cannot be in a transaction"),
        (
            "CREATE TABLESPACE a LOCATION 'b'",
            True,
            "1:1 CREATE TABLESPACE cannot be in a transaction",
        ),
        (
            "SET TRANSACTION READ ONLY; VACUUM",
            None,
            f"1:28 VACUUM {BESIDE}",
        ),
        (
            "BEGIN; SELECT 1; COMMIT",
            False,
            f"1:1 BEGIN {CONTROLS}",
        ),
        (
            "SAVEPOINT a",
            False,
            f"1:1 SAVEPOINT {CONTROLS}",
        ),
        ("COPY t TO STDOUT", None, "1:1 COPY … TO STDOUT has nowhere to write"),
        ("SELECT 'a", None, "1:8 this string is never closed"),
        ("SELECT '\0'", None, "1:9 a NUL character"),
        (
            "SET standard_conforming_strings TO off",
            None,
            "1:1 with standard_conforming_strings off, strings are read differently",
        ),
        (
            "COPY t FROM stdin; SELECT 1;\n\\.\n",
            None,
            "1:20 SQL stands between COPY … FROM STDIN and its data",
        ),
        (
            "COPY t FROM stdin; /* a\n\\.\n",
            None,
            "1:20 this comment is never closed",
        ),
        (
            "DISCARD ALL",
            None,
            "1:1 DISCARD ALL would release the lock of the run",
        ),
    ],
)
def test_a_script_that_cannot_be_run_is_refused(
    text: str,
    transaction: bool | None,  # noqa: FBT001 - a parameter of the test
    message: str,
) -> None:
    assert refused(read_script(text, transaction=transaction))[0] == message


def test_a_dump_of_pg_dump_is_taken() -> None:
    script = read_script(
        "\\restrict a\nSET standard_conforming_strings = on;\n"
        "SELECT pg_catalog.set_config('search_path', '', false);\n"
        "COPY public.t (a) FROM stdin;\n1\n\\.\n\n\\unrestrict a\n"
    )

    assert refused(script) == []
    assert script.has_copy_data
    assert script.transaction
    assert len(script.kinds) == 3


def test_what_a_script_does_to_its_session_is_told() -> None:
    assert read_script("SELECT 1; RESET ALL;").resets_session
    assert read_script("SELECT 1; LOAD 'x';").needs_new_session
    plain = read_script("SELECT 1; RESET ROLE")
    assert (plain.resets_session, plain.needs_new_session) == (False, False)
    assert not plain.has_copy_data


def test_nothing_is_nothing() -> None:
    script = read_script("-- nothing")

    assert (script.statements, script.refusals, script.transaction) == ((), (), True)


def test_several_refusals_come_in_order() -> None:
    script = read_script("\\x\nCOMMIT;\n\\y\nCOPY t TO STDOUT;")

    assert [it.line for it in script.refusals] == [1, 2, 3, 4]
