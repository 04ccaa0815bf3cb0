"""A small honest server: SCRAM-SHA-256 (RFC 5802, RFC 7677) and two fixed answers.

What a lying one does otherwise is one method, so that a test changes one thing.
"""

import hashlib
import hmac
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Sequence

PASSWORD = "s3cret"  # noqa: S105 - of a server of our own
SALT = b"sixteen bytes!!!"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def auth(code: int, body: bytes = b"") -> bytes:
    return message(b"R", code.to_bytes(4, "big") + body)


def cell(text: bytes) -> bytes:
    return len(text).to_bytes(4, "big") + text


def row(*cells: bytes) -> bytes:
    body = b"".join(map(cell, cells))
    return message(b"D", len(cells).to_bytes(2, "big") + body)


SASL = auth(10, b"SCRAM-SHA-256\0\0")
READY = message(b"Z", b"I")
OK = auth(0) + message(b"S", b"server_version\0" + b"18.0\0")
COLUMNS = message(b"T", b"\0\0")
NOTICE = message(b"N", b"SNOTICE\0Mhello\0\0")


def complete(tag: bytes) -> bytes:
    return message(b"C", tag + b"\0")


class Honest:
    """Serves one connection, in a thread."""

    iterations = 4096

    def __init__(self, rows: Sequence[Sequence[bytes]]) -> None:
        self.rows = rows
        self.before: list[int] = []
        self.proved = False
        self.asked = b""
        self.sent = 0
        self.waited_for = False
        """Whether whoever said goodbye was still there afterwards."""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def dsn(self) -> str:
        port = self.socket.getsockname()[1]
        return f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/d?sslmode=disable"

    def close(self) -> None:
        self.thread.join(20)
        self.socket.close()

    # ---- what a liar changes

    def nonce(self, theirs: bytes) -> bytes:
        return theirs + b"ours"

    def verdict(self, signature: bytes) -> bytes:
        return auth(12, b"v=" + signature) + OK + READY

    def line(self, cells: Sequence[bytes]) -> bytes:
        return row(*cells)

    def answer(self) -> bytes:
        lines = b"".join(map(self.line, self.rows))
        return (
            complete(b"SET")
            + (COLUMNS + row(b"1") + complete(b"SELECT 1"))
            + (COLUMNS + lines + complete(b"SELECT"))
            + READY
        )

    def count(self) -> bytes:
        """How many starts come before the one that asks."""
        number = self.before.pop(0) if self.before else 0
        counted = COLUMNS + row(b"%d" % number, b"0") + complete(b"SELECT 1")
        return complete(b"SET") + complete(b"SET") + counted + READY

    def send(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)

    # ---- the conversation

    def _serve(self) -> None:
        try:
            connection, _ = self.socket.accept()
            with connection:
                connection.settimeout(20)
                self._talk(connection)
        except (OSError, EOFError):
            return

    def _talk(self, connection: socket.socket) -> None:
        take = connection.makefile("rb").read

        def receive(kind: bytes) -> bytes:
            head = take(5)
            if head[:1] != kind:
                raise EOFError
            return take(int.from_bytes(head[1:], "big") - 4)

        take(int.from_bytes(take(4), "big") - 4)
        connection.sendall(SASL)
        first = receive(b"p").partition(b"n,,")[2]
        nonce = self.nonce(first.partition(b"r=")[2])
        salt = b64encode(SALT)
        challenge = b"r=%s,s=%s,i=%d" % (nonce, salt, self.iterations)
        connection.sendall(auth(11, challenge))
        last, _, proof = receive(b"p").rpartition(b",p=")
        signature = self._check(b",".join((first, challenge, last)), b64decode(proof))
        self.asked = receive(b"Q")
        self.send(connection, self.verdict(signature) + self.answer())
        while (head := take(5))[:1] == b"Q":
            question = take(int.from_bytes(head[1:], "big") - 4)
            counts = b"count(*)" in question
            self.send(connection, self.count() if counts else self.answer())
        self.waited_for = self._is_there(connection)

    def _check(self, signed: bytes, proof: bytes) -> bytes:
        """Verify the proof; our own signature."""
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), SALT, self.iterations)
        key = hmac.digest(salted, b"Client Key", "sha256")
        stored = hashlib.sha256(key).digest()
        expected = hmac.digest(stored, signed, "sha256")
        found = bytes(a ^ b for a, b in zip(proof, key, strict=True))
        self.proved = found == expected
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        return b64encode(hmac.digest(server_key, signed, "sha256"))

    def _is_there(self, connection: socket.socket) -> bool:
        connection.settimeout(0.1)
        try:
            return bool(connection.recv(1))
        except TimeoutError:
            return True
