"""What the processes of one test session tell each other."""

from collections.abc import Iterator

import pytest

from asyncmigrate._testing.broker import (
    Broker,
    ask_for_failure,
    ask_for_server,
    tell_failure,
)
from asyncmigrate.errors import EmbeddedServerUnavailable


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


def test_the_first_failure_is_remembered_for_those_who_know_the_word(
    broker: Broker,
) -> None:
    tell_failure(broker.address, "abc", "no table")
    tell_failure(broker.address, "abc", "no table either")
    port, _, word = broker.address.partition(" ")
    tell_failure(f"{port} {word[::-1]}", "xyz", "forged")

    assert ask_for_failure(broker.address, "abc") == "no table"
    assert ask_for_failure(broker.address, "xyz") is None
    assert ask_for_failure(f"{port} guessed", "abc") is None


def test_a_server_that_cannot_be_started_is_told_to_each_who_asks(
    broker: Broker,
) -> None:
    for _ in range(2):
        with pytest.raises(EmbeddedServerUnavailable, match="PostgreSQL 7"):
            ask_for_server(broker.address, "7")


def test_where_nobody_listens_there_is_no_answer() -> None:
    broker = Broker()
    broker.close()

    assert ask_for_server(broker.address, None) is None
    assert ask_for_failure(broker.address, "abc") is None
    assert ask_for_failure(None, "abc") is None
