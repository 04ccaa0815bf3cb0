"""No literal secret is shown, however it is written and wherever it is cut off."""

import time

import pytest

from asyncmigrate._sql.secrets import without_secrets

SQL = {
    "ALTER ROLE app PASSWORD 'hunter2'": "ALTER ROLE app PASSWORD '***'",
    "create user a encrypted password 'hunter2' valid until '2030'": (
        "create user a encrypted password '***' valid until '2030'"
    ),
    "ALTER ROLE app PASSWORD e'it\\'s hunter2' LOGIN": (
        "ALTER ROLE app PASSWORD '***' LOGIN"
    ),
    "ALTER ROLE app PASSWORD 'it''s hunter2' LOGIN": (
        "ALTER ROLE app PASSWORD '***' LOGIN"
    ),
    "ALTER ROLE app PASSWORD 'hun'\n  'ter2' LOGIN": (
        "ALTER ROLE app PASSWORD '***' LOGIN"
    ),
    "ALTER ROLE app PASSWORD U&'hunter2'": "ALTER ROLE app PASSWORD '***'",
    "ALTER ROLE app PASSWORD $a$hunter2$a$ LOGIN": "ALTER ROLE app PASSWORD *** LOGIN",
    "ALTER ROLE app PASSWORD /* new */ -- it is\n 'hunter2'": (
        "ALTER ROLE app PASSWORD /* new */ -- it is\n '***'"
    ),
    "EXECUTE 'ALTER ROLE a PASSWORD ''hunter2'' LOGIN'": (
        "EXECUTE 'ALTER ROLE a PASSWORD *** LOGIN'"
    ),
    "f('EXECUTE ''ALTER ROLE a PASSWORD ''''my hunter2'''''')": (
        "f('EXECUTE ''ALTER ROLE a PASSWORD ***'')"
    ),
    "ALTER ROLE app PASSWORD '''it''s hunter2'": "ALTER ROLE app PASSWORD ***",
    "ALTER ROLE app PASSWORD NULL": "ALTER ROLE app PASSWORD NULL",
    "OPTIONS (user 'app', password 'hunter2')": "OPTIONS (user 'app', password '***')",
    "OPTIONS (SET \"password\" 'hunter2', ADD sslpassword 'hunter2')": (
        "OPTIONS (SET \"password\" '***', ADD sslpassword '***')"
    ),
    "OPTIONS (aws_secret_access_key 'hunter2')": "OPTIONS (aws_secret_access_key '***')",
    "UPDATE u SET password = crypt('hunter2', gen_salt('bf'))": (
        "UPDATE u SET password = crypt('***', gen_salt('bf'))"
    ),
    "SET app.secret TO 'hunter2'": "SET app.secret TO '***'",
    "SELECT f(password => 'hunter2', 'b')": "SELECT f(password => '***', 'b')",
    "UPDATE u SET password = '' WHERE name = 'b'": (
        "UPDATE u SET password = '***' WHERE name = 'b'"
    ),
}
PAIRS = {
    "CONNECTION 'host=db password=hunter2 dbname=a' PUBLICATION p": (
        "CONNECTION 'host=db password=*** dbname=a' PUBLICATION p"
    ),
    "CONNECTION 'password = hunter2'": "CONNECTION 'password = ***'",
    "CONNECTION 'password=''my hunter2'' dbname=a'": "CONNECTION 'password=*** dbname=a'",
    "CONNECTION 'dbname=a password=''my hunter2'''": "CONNECTION 'dbname=a password=***'",
    "CONNECTION 'password=it''s\\ hunter2 dbname=a'": (
        "CONNECTION 'password=*** dbname=a'"
    ),
    "connect(\"password='it\\'s hunter2' dbname=a\")": (
        "connect(\"password='***' dbname=a\")"
    ),
    "password=a&hunter2 dbname=a": "password=*** dbname=a",
    "postgresql://db/a?password=hunter2&sslmode=require": (
        "postgresql://db/a?password=***&sslmode=require"
    ),
    "postgresql+asyncpg://app:hunter2@db/a": "postgresql+asyncpg://app:***@db/a",
    '{"password": "hunter2", "user": "a"}': '{"password": "***", "user": "a"}',
    "{'password': 'hunter2', 'user': 'a'}": "{'password': '***', 'user': 'a'}",
}
HARMLESS = (
    'password authentication failed for user "app"',
    "the password: it must not be empty",
    "SELECT password, 'a' FROM users WHERE name = 'b'",
    "CREATE TABLE users (password text NOT NULL DEFAULT 'a')",
    "SELECT * FROM passages WHERE compass > 'a'",
    "SET password_encryption = 'md5'",
)


@pytest.mark.parametrize(("text", "shown"), (SQL | PAIRS).items())
def test_a_secret_is_replaced_and_nothing_else(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize("text", (SQL | PAIRS).keys())
def test_no_end_of_a_text_shows_its_secret(text: str) -> None:
    for length in range(len(text)):
        assert "hunter" not in without_secrets(text[:length]) or "@" in text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_speaks_of_passwords_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize("piece", ["password = ", "password ", "a(", "/*", "'", "pass"])
def test_a_long_text_takes_no_longer_than_its_length(piece: str) -> None:
    began = time.perf_counter()

    without_secrets(piece * 20_000)

    assert time.perf_counter() - began < 2
