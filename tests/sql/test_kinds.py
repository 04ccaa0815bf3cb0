"""What a statement is, told from its words, and checked against a server."""

from itertools import takewhile
from operator import itemgetter

import asyncpg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncmigrate._sql.kinds import (
    CreateIndex,
    Database,
    DetachPartition,
    DropIndex,
    EnumValue,
    NonTransactional,
    Reindex,
    Setting,
    StatementKind,
    Target,
    classify,
)
from asyncmigrate._sql.tokens import IGNORED, TokenKind, Unterminated, lex
from asyncmigrate._sql.words import Words
from tests.kit import databases
from tests.kit.servers import Server
from tests.sql.strategies import EXPRESSIONS, LABELS, SEPARATORS

OUTSIDE = [
    "CREATE INDEX CONCURRENTLY ON t (a)",
    "CREATE UNIQUE INDEX /* a */ concurrently i ON t (a)",
    "DROP INDEX CONCURRENTLY IF EXISTS i",
    "REINDEX INDEX CONCURRENTLY i",
    "REINDEX TABLE CONCURRENTLY t",
    "REINDEX (VERBOSE) TABLE CONCURRENTLY t",
    "REINDEX SCHEMA public",
    "REINDEX DATABASE postgres",
    "REINDEX SYSTEM postgres",
    "VACUUM",
    "VACUUM (ANALYZE) t",
    "CLUSTER",
    "CLUSTER VERBOSE",
    "CREATE DATABASE never",
    "DROP DATABASE IF EXISTS never",
    "ALTER DATABASE postgres SET TABLESPACE pg_default",
    "CREATE TABLESPACE never LOCATION '/nowhere'",
    "DROP TABLESPACE never",
    "ALTER SYSTEM SET work_mem = '4MB'",
    "ALTER SYSTEM RESET ALL",
    "DISCARD ALL",
    "COMMIT PREPARED 'never'",
    "ROLLBACK PREPARED 'never'",
    "CREATE SUBSCRIPTION n CONNECTION 'host=nowhere' PUBLICATION p",
    "DROP SUBSCRIPTION s",
]
OUTSIDE_SINCE = [
    (14, "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY"),
    (14, "ALTER TABLE IF EXISTS ONLY public.p DETACH PARTITION p1 CONCURRENTLY"),
    (14, "REINDEX (CONCURRENTLY) TABLE t"),
    (14, "REINDEX (VERBOSE, CONCURRENTLY true) INDEX i"),
    (14, "ALTER SUBSCRIPTION s REFRESH PUBLICATION"),
    (14, "ALTER SUBSCRIPTION s SET PUBLICATION q"),
    (14, "ALTER SUBSCRIPTION s ADD PUBLICATION q WITH (copy_data = false)"),
    (14, "ALTER SUBSCRIPTION s DROP PUBLICATION p"),
    (16, "REINDEX SYSTEM"),
    (17, "ALTER SUBSCRIPTION d SET (failover = true)"),
    (18, "ALTER SUBSCRIPTION d SET (two_phase = false)"),
]
INSIDE = [
    "CREATE INDEX ON t (a)",
    "DROP INDEX i",
    "REINDEX TABLE t",
    "REINDEX INDEX i",
    "ANALYZE t",
    "CLUSTER t USING i",
    "CLUSTER VERBOSE t USING i",
    "ALTER TABLE p DETACH PARTITION p1",
    "ALTER TABLE p DETACH PARTITION p1 FINALIZE",
    "ALTER TYPE e ADD VALUE 'b'",
    "ALTER DATABASE postgres SET work_mem = '4MB'",
    "ALTER ROLE CURRENT_USER SET work_mem = '4MB'",
    "DISCARD TEMP",
    "CREATE SUBSCRIPTION n CONNECTION '' PUBLICATION p WITH (connect = false)",
    "CREATE SUBSCRIPTION n CONNECTION '' PUBLICATION p WITH (connect = 'off')",
    "ALTER SUBSCRIPTION s SET PUBLICATION q WITH (refresh = false)",
    "ALTER SUBSCRIPTION s DISABLE",
    "ALTER SUBSCRIPTION s SET (binary = true)",
    "CREATE TABLE concurrently_ (a int)",
    "SELECT 'VACUUM'",
]
INSIDE_SINCE = [(14, "REINDEX (CONCURRENTLY false) TABLE t")]
SETUP = """
CREATE TABLE t (a int);
CREATE INDEX i ON t (a);
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TYPE e AS ENUM ('a');
"""
# Rolled back with the rest: a database with a subscription cannot be dropped.
SUBSCRIPTION = """
CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p, o WITH (connect = false);
CREATE SUBSCRIPTION d CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false);
ALTER SUBSCRIPTION s ENABLE;
"""


async def refused_inside(connection: asyncpg.Connection, statement: str) -> bool:
    await connection.execute(f"BEGIN;{SUBSCRIPTION}")
    try:
        await connection.execute(statement)
    except asyncpg.ActiveSQLTransactionError:
        return True
    except asyncpg.PostgresError:
        return False
    finally:
        await connection.execute("ROLLBACK")
    return False


@pytest.mark.filterwarnings("ignore:.*:asyncpg.exceptions.PostgresWarning")
async def test_the_server_agrees_what_cannot_be_in_a_transaction(
    database: databases.Database, server: Server
) -> None:
    statements = [*OUTSIDE, *INSIDE]
    statements += [
        statement
        for since, statement in (*OUTSIDE_SINCE, *INSIDE_SINCE)
        if server.version >= since
    ]
    await database.execute(SETUP)
    connection = await database.connect()

    refused = {it: await refused_inside(connection, it) for it in statements}

    await connection.close()
    assert refused == {it: not classify(it).transactional for it in statements}


def test_what_newer_servers_refuse_is_known_on_older_ones() -> None:
    statements = [*OUTSIDE, *(statement for _, statement in OUTSIDE_SINCE)]

    assert [it for it in statements if classify(it).transactional] == []
    assert [it for it in statements if classify(it).what is None] == []


@pytest.mark.parametrize(
    ("text", "what", "target"),
    [
        (
            'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "A""b" ON ONLY Public.T (a)',
            NonTransactional.CREATE_INDEX,
            CreateIndex(
                index=('A"b',), table=("public", "t"), unique=True, if_not_exists=True
            ),
        ),
        (
            "create index concurrently on t using gin (a)",
            NonTransactional.CREATE_INDEX,
            CreateIndex(index=None, table=("t",), unique=False, if_not_exists=False),
        ),
        (
            'DROP INDEX CONCURRENTLY IF EXISTS a . "B" /* c */ , c CASCADE',
            NonTransactional.DROP_INDEX,
            DropIndex(indexes=(("a", "B"), ("c",)), if_exists=True),
        ),
        (
            "DROP INDEX CONCURRENTLY a",
            NonTransactional.DROP_INDEX,
            DropIndex(indexes=(("a",),), if_exists=False),
        ),
        (
            "REINDEX (VERBOSE, TABLESPACE x) INDEX CONCURRENTLY a.b",
            NonTransactional.REINDEX,
            Reindex(object_type="INDEX", name=("a", "b"), concurrently=True),
        ),
        (
            "REINDEX (CONCURRENTLY) TABLE t",
            NonTransactional.REINDEX,
            Reindex(object_type="TABLE", name=("t",), concurrently=True),
        ),
        (
            "REINDEX DATABASE",
            NonTransactional.REINDEX,
            Reindex(object_type="DATABASE", name=None, concurrently=False),
        ),
        (
            "ALTER TABLE IF EXISTS ONLY a.b * DETACH PARTITION c CONCURRENTLY",
            NonTransactional.DETACH_PARTITION,
            DetachPartition(parent=("a", "b"), partition=("c",)),
        ),
        (
            'CREATE DATABASE U&"d\\0061t\\+000061\\\\"',
            NonTransactional.CREATE_DATABASE,
            Database(name=("data\\",)),
        ),
        (
            "DROP DATABASE IF EXISTS U&\"d!0061t!a\" UESCAPE '!' WITH (FORCE)",
            NonTransactional.DROP_DATABASE,
            Database(name=("dat!a",), if_exists=True),
        ),
        (
            "DROP DATABASE " + "É" * 40,
            NonTransactional.DROP_DATABASE,
            Database(name=("É" * 31,)),
        ),
        (
            'DROP DATABASE U&"\\+ffffff"',
            NonTransactional.DROP_DATABASE,
            Database(name=("\\+ffffff",)),
        ),
        ("ALTER SYSTEM RESET a", NonTransactional.ALTER_SYSTEM, None),
        ("VACUUM FULL t", NonTransactional.VACUUM, None),
        (
            "CREATE TABLESPACE a LOCATION ''",
            NonTransactional.CREATE_TABLESPACE,
            Database(name=("a",)),
        ),
        (
            "DROP TABLESPACE IF EXISTS a",
            NonTransactional.DROP_TABLESPACE,
            Database(name=("a",), if_exists=True),
        ),
        (
            "CREATE SUBSCRIPTION S CONNECTION '' PUBLICATION p",
            NonTransactional.CREATE_SUBSCRIPTION,
            Database(name=("s",)),
        ),
        (
            'DROP SUBSCRIPTION "S"',
            NonTransactional.DROP_SUBSCRIPTION,
            Database(name=("S",)),
        ),
    ],
)
def test_what_cannot_be_in_a_transaction_names_its_objects(
    text: str, what: NonTransactional, target: Target | None
) -> None:
    kind = classify(text)

    assert (kind.transactional, kind.what, kind.target) == (False, what, target)


def test_a_name_that_breaks_off_is_taken_as_far_as_it_goes() -> None:
    assert classify("DROP INDEX CONCURRENTLY a.;").target == DropIndex(
        indexes=(("a",),), if_exists=False
    )
    assert classify("DROP INDEX CONCURRENTLY a, ;").target == DropIndex(
        indexes=(("a",),), if_exists=False
    )
    assert classify("DROP DATABASE 'a").target == Database(name=None)
    assert classify("REINDEX (CONCURRENTLY TABLE (a) t").transactional is False


@pytest.mark.parametrize(
    ("text", "name", "is_local"),
    [
        ("SET search_path TO a, b", "search_path", False),
        ('set local "Search_Path" = a', "search_path", True),
        ("SET SESSION lock_timeout = 0", "lock_timeout", False),
        ("SET my.own.value = 1", "my.own.value", False),
        ("SET TIME ZONE 'UTC'", "timezone", False),
        ("SET LOCAL TIME ZONE LOCAL", "timezone", True),
        ("SET SCHEMA 'a'", "search_path", False),
        ("SET NAMES 'UTF8'", "client_encoding", False),
        ("SET XML OPTION DOCUMENT", "xmloption", False),
        ("SET ROLE a", "role", False),
        ("SET LOCAL ROLE a", "role", True),
        ("SET SESSION AUTHORIZATION a", "session_authorization", False),
        ("SET LOCAL SESSION AUTHORIZATION a", "session_authorization", True),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "session_characteristics",
            False,
        ),
        ("SET schema.a = 1", "schema.a", False),
        ("SET session.a = 1", "session.a", False),
    ],
)
def test_a_set_names_its_setting(text: str, name: str, is_local: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert classify(text) == StatementKind(
        words=classify(text).words, sets=Setting(name, is_local)
    )


@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("SET TRANSACTION READ ONLY", "READ ONLY"),
        ("SET LOCAL TRANSACTION DEFERRABLE", "DEFERRABLE"),
        (
            "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED READ WRITE",
            "ISOLATION LEVEL READ UNCOMMITTED, READ WRITE",
        ),
        (
            "set transaction isolation level read committed,not deferrable",
            "ISOLATION LEVEL READ COMMITTED, NOT DEFERRABLE",
        ),
    ],
)
def test_set_transaction_tells_its_modes(text: str, modes: str) -> None:
    kind = classify(text)

    assert (kind.sets_transaction, kind.modes, kind.sets) == (True, modes, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BEGIN", ("begin", True)),
        ("begin transaction isolation level serializable", ("begin", True)),
        ("BEGIN whatever", ("begin", False)),
        ("START TRANSACTION", ("begin", True)),
        ("COMMIT WORK", ("commit", True)),
        ("COMMIT AND CHAIN", ("commit", False)),
        ("END AND NO CHAIN", ("commit", True)),
        ("ABORT", ("rollback", True)),
        ("ROLLBACK TRANSACTION AND CHAIN", ("rollback", False)),
        ("ROLLBACK WORK TO SAVEPOINT a", ("rollback_to", True)),
        ("ROLLBACK TO a", ("rollback_to", True)),
        ("SAVEPOINT a", ("savepoint", True)),
        ("RELEASE a", ("release", True)),
        ("PREPARE TRANSACTION 'a'", ("prepare", True)),
        ("PREPARE a AS SELECT 1", (None, True)),
        ("START something", (None, True)),
        ("COMMIT PREPARED 'a'", (None, True)),
        ('"commit"', (None, True)),
    ],
)
def test_transaction_control_is_recognised(
    text: str, expected: tuple[str | None, bool]
) -> None:
    kind = classify(text)

    assert (kind.control, kind.plain) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CALL a()", StatementKind(uncertain=True)),
        ("DO $$ $$", StatementKind(uncertain=True)),
        ("LOAD 'a'", StatementKind(new_session=True)),
        ("ALTER ROLE a SET b = 1", StatementKind(new_session=True)),
        ("ALTER USER ALL RESET ALL", StatementKind(new_session=True)),
        ("ALTER ROLE a IN DATABASE b SET c = 1", StatementKind(new_session=True)),
        ("ALTER ROLE a PASSWORD 'b'", StatementKind()),
        ("ALTER USER MAPPING FOR a SERVER b OPTIONS (SET c 'd')", StatementKind()),
        ("ALTER DATABASE a RESET b", StatementKind(new_session=True)),
        ("ALTER DATABASE a OWNER TO b", StatementKind()),
        ("RESET ALL", StatementKind(resets_session=True)),
        ("RESET SESSION AUTHORIZATION", StatementKind()),
        ("DISCARD PLANS", StatementKind(resets_session=True)),
        ("COPY t (a) FROM STDIN", StatementKind(copies_stdin=True)),
        ("COPY t FROM '/a'", StatementKind()),
        ("COPY (SELECT 1 FROM stdin) TO STDOUT", StatementKind(copies_stdout=True)),
        ("COPY t TO '/a'", StatementKind()),
        ("COPY t", StatementKind()),
        ("SET CONSTRAINTS ALL DEFERRED", StatementKind()),
        ("SET", StatementKind()),
        ("SET TRANSACTION SNAPSHOT 'a'", StatementKind()),
        ("DROP TABLE t", StatementKind()),
        ("ALTER", StatementKind()),
        ("ALTER TABLE t ADD a int", StatementKind()),
        ("ALTER TYPE t RENAME TO u", StatementKind()),
        ("-- nothing", StatementKind()),
        (
            "ALTER TYPE a.b ADD VALUE IF NOT EXISTS 'c' BEFORE 'd'",
            StatementKind(enum_value_added=EnumValue(("a", "b"), "'c'")),
        ),
        (
            "ALTER TYPE b ADD VALUE E'c'",
            StatementKind(enum_value_added=EnumValue(("b",), "E'c'")),
        ),
    ],
)
def test_other_statements_are_what_they_are(text: str, kind: StatementKind) -> None:
    found = classify(text)

    assert found == StatementKind(
        **{
            name: getattr(kind if name != "words" else found, name)
            for name in StatementKind.__dataclass_fields__
        }
    )


def test_the_words_are_those_before_anything_else() -> None:
    assert classify("/* a */ create -- b\n Or RePlace function f()").words == (
        "CREATE",
        "OR",
        "REPLACE",
        "FUNCTION",
        "F",
    )
    assert classify("a b c d e f g").words == ("A", "B", "C", "D", "E", "F")


def lexed(text: str) -> list[tuple[bool, str]]:
    """Every token, cut by the lexer alone, and whether it is a word."""
    found = []
    try:
        for token in lex(text):
            if token.kind not in IGNORED:
                piece = text[token.start : token.end]
                is_word = token.kind is TokenKind.WORD
                found.append((is_word, piece.upper() if is_word else piece))
    except Unterminated:
        pass
    return found


@given(
    text=st.lists(
        st.one_of(
            st.sampled_from(["CREATE", "table", "U", "u&", "E", "x_1", "é", "'", "$"]),
            SEPARATORS,
            EXPRESSIONS,
            LABELS,
            st.text(alphabet=" \n'\"$&.;(-/*eU\x1cé\ufeff", max_size=3),
        ),
        max_size=9,
    ).map("".join)
)
@example("CREATE TABLE t (a int)")
@example("SELECT E 'a'")
@example("SELECT U & 1")
def test_words_read_at_once_are_those_that_the_lexer_cuts(text: str) -> None:
    expected = lexed(text)
    words = Words(text)

    leading = words.leading(6)
    taken = []
    while not words.ended:
        taken.append(words.next())

    assert taken == [piece for _, piece in expected]
    before = takewhile(itemgetter(0), expected[:6])
    assert leading == tuple(piece for _, piece in before)
