"""What is believed of a server: one that is honest, and each lie by itself."""

import socket
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from asyncmigrate._fast import wire
from asyncmigrate._fast.wire import LIMIT, MOST_ITERATIONS
from tests.fast.looking import nothing_to_do
from tests.fast.scram import (
    COLUMNS,
    NOTICE,
    OK,
    READY,
    Honest,
    auth,
    cell,
    complete,
    message,
    row,
)
from tests.fast.test_fast_look import environment, fast_says, prepare
from tests.kit.databases import Database

SCRIPT = b"SELECT 1;"
RIGHT = [(b"0001_a.sql", sha256(SCRIPT).hexdigest().encode(), b"")]
OTHER = [(b"0001_a.sql", sha256(b"").hexdigest().encode(), b"")]


@pytest.fixture
def directory(tmp_path: Path) -> str:
    (tmp_path / "0001_a.sql").write_bytes(SCRIPT)
    return str(tmp_path)


def says(server: Honest, directory: str) -> bool:
    try:
        with environment():
            arguments = ["migrate", "--dsn", server.dsn, "-d", directory]
            return nothing_to_do(arguments) is not None
    finally:
        server.close()


class Talkative(Honest):
    def verdict(self, signature: bytes) -> bytes:
        return super().verdict(signature).replace(OK, OK + NOTICE)

    def answer(self) -> bytes:
        return NOTICE + super().answer().replace(COLUMNS, NOTICE + COLUMNS)


@pytest.mark.parametrize("kind", [Honest, Talkative])
def test_an_honest_server_is_believed(kind: type[Honest], directory: str) -> None:
    server = kind(RIGHT)

    assert says(server, directory)
    assert server.proved
    assert server.asked.decode().startswith(f"{LIMIT};")
    assert not server.waited_for


def test_an_honest_server_with_another_row_is_waited_for_until_it_hangs_up(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "PARTING", 10.0)
    server = Honest(OTHER)

    assert not says(server, directory)
    assert server.proved
    assert server.waited_for


class WrongSignature(Honest):
    def verdict(self, signature: bytes) -> bytes:
        return super().verdict(signature[::-1])


class RowsBeforeTheSignature(Honest):
    def verdict(self, signature: bytes) -> bytes:
        return self.answer() + super().verdict(signature)


class NoSignature(Honest):
    def verdict(self, signature: bytes) -> bytes:
        return super().verdict(signature).replace(auth(12, b"v=" + signature), b"")


class NoOk(Honest):
    def verdict(self, signature: bytes) -> bytes:
        return super().verdict(signature).replace(auth(0), b"")


class TruncatedRow(Honest):
    """The last cell has no length, which reads like that of an empty one."""

    def line(self, cells: Sequence[bytes]) -> bytes:
        body = b"".join(map(cell, cells[:-1]))
        return message(b"D", len(cells).to_bytes(2, "big") + body)


class MoreInTheRow(Honest):
    def line(self, cells: Sequence[bytes]) -> bytes:
        whole = row(*cells)
        return message(b"D", whole[5:] + b"\0")


class FourColumns(Honest):
    def line(self, cells: Sequence[bytes]) -> bytes:
        return row(*cells, b"")


class RowsWithoutColumns(Honest):
    def answer(self) -> bytes:
        lines = b"".join(map(self.line, self.rows))
        return super().answer().replace(COLUMNS + lines, lines + COLUMNS)


class RowsBehindTheEnd(Honest):
    def answer(self) -> bytes:
        lines = b"".join(map(self.line, self.rows))
        end = complete(b"SELECT")
        return super().answer().replace(lines + end, end + lines)


class AThirdAnswer(Honest):
    def answer(self) -> bytes:
        third = COLUMNS + complete(b"SELECT")
        return super().answer().removesuffix(READY) + third + READY


class ManyIterations(Honest):
    iterations = MOST_ITERATIONS + 1


class NonceNotExtended(Honest):
    def nonce(self, theirs: bytes) -> bytes:
        return theirs


class OtherNonce(Honest):
    def nonce(self, theirs: bytes) -> bytes:
        return b"x" + theirs[1:] + b"ours"


LIARS = [
    WrongSignature, RowsBeforeTheSignature, NoSignature, NoOk, TruncatedRow,
    MoreInTheRow, FourColumns, RowsWithoutColumns, RowsBehindTheEnd, AThirdAnswer,
    ManyIterations, NonceNotExtended, OtherNonce,
]  # fmt: skip


@pytest.mark.parametrize("liar", LIARS)
def test_one_lie_is_enough(liar: type[Honest], directory: str) -> None:
    assert not says(liar(RIGHT), directory)


class Endless(Honest):
    def answer(self) -> bytes:
        return NOTICE * 100

    def send(self, connection: socket.socket, data: bytes) -> None:
        super().send(connection, data)
        while True:
            super().send(connection, self.answer())


def test_endless_notices_are_heard_up_to_a_size(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "SECONDS", 20.0)
    monkeypatch.setattr(wire, "PARTING", 0.0)
    monkeypatch.setattr(wire, "LARGEST", 1 << 16)
    server = Endless(RIGHT)

    assert not says(server, directory)
    assert server.sent < 1 << 24


class Trickling(Honest):
    """Honest to the last byte, but slow."""

    def send(self, connection: socket.socket, data: bytes) -> None:
        for at in range(20):
            connection.sendall(data[at : at + 1])
            time.sleep(0.02)
        connection.sendall(data[20:])


def test_a_trickle_is_heard_up_to_a_time(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert says(Trickling(RIGHT), directory)

    monkeypatch.setattr(wire, "SECONDS", 0.2)

    assert not says(Trickling(RIGHT), directory)


async def test_the_server_itself_ends_a_question_that_hangs_on_a_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(database)
    monkeypatch.setattr(wire, "LIMIT", LIMIT.replace("2000", "100"))
    holder = await database.connect()

    async with holder.transaction():
        await holder.execute("LOCK TABLE asyncmigrate.schema_migrations")
        assert not await fast_says(database)
        waiting = await database.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'asyncmigrate look'"
            " AND datname = current_database()"
        )

    assert waiting == 0


async def test_the_limit_is_no_reason_for_a_warning_and_does_not_stay(
    database: Database,
) -> None:
    connection = await database.connect()
    heard: list[object] = []
    connection.add_log_listener(lambda _, heard_now: heard.append(heard_now))

    await connection.execute(f"{LIMIT};SELECT 1")

    assert await connection.fetchval("SHOW statement_timeout") == "0"
    assert heard == []


async def test_a_role_with_one_connection_has_it_again_after_the_look(
    database: Database,
) -> None:
    await prepare(database)
    database.files.add("0009_new.sql", "SELECT 1;")

    for _ in range(5):
        assert not await fast_says(database)
        there = await database.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'asyncmigrate look'"
            " AND datname = current_database()"
        )
        assert there == 0
