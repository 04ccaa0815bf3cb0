"""No password of a DSN gets past the last gate."""

import pytest

from asyncmigrate._readers.secrets import Redactor


@pytest.mark.parametrize(
    ("dsn", "secret"),
    [
        ("postgresql://app:s3cr3t!x@db/shop", "s3cr3t!x"),
        ("postgresql+asyncpg://app:s3cr3t!x@db/shop", "s3cr3t!x"),
        ("postgresql://app:p%40ss%2F1@db/shop", "p@ss/1"),
        ("postgresql://app:p%40ss%2F1@db/shop", "p%40ss%2F1"),
        ("postgresql://app:un@esc@ped/1@db/shop", "un@esc@ped/1"),
        ("postgresql://db/shop?password=s3cr3t!x&user=app", "s3cr3t!x"),
        ("host=db user=app password=s3cr3t!x dbname=shop", "s3cr3t!x"),
        ("host=db user=app password='s3cr3t x' dbname=shop", "s3cr3t x"),
    ],
)
def test_a_password_is_known_however_the_dsn_spells_it(dsn: str, secret: str) -> None:
    redact = Redactor()

    redact.learn(dsn)

    assert secret not in redact(f"could not log in with {secret} to shop")
    assert secret not in redact(f"invalid DSN: {dsn!r}") or "password" in dsn
    assert secret not in redact.thorough(f"connect({dsn!r})")


def test_a_url_is_recognised_without_knowing_its_password() -> None:
    redact = Redactor()

    assert redact("tried postgres://app:x@db:5432/shop twice") == (
        "tried postgres://app:***@db:5432/shop twice"
    )


def test_a_password_that_is_a_plain_word_spoils_no_message() -> None:
    redact = Redactor()

    redact.learn("postgresql://postgres:postgres@db/shop")
    redact.learn("postgresql://app:password@db/shop")

    assert redact('role "postgres" failed password authentication') == (
        'role "postgres" failed password authentication'
    )
    assert "password" not in redact.thorough("connect(user, 'password')")


def test_nothing_is_learnt_from_a_dsn_without_a_password() -> None:
    redact = Redactor()

    redact.learn(None)
    redact.learn("postgresql://db/shop")
    redact.learn("postgresql://[half/open")

    assert redact.thorough("nothing to hide in shop") == "nothing to hide in shop"
