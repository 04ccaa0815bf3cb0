"""A few messages of PostgreSQL's protocol, over a plain socket, with SCRAM-SHA-256.

(PostgreSQL manual, "Message Flow"; RFC 5802, RFC 7677.) The server's signature is
verified; a password is never sent in clear or as MD5; lengths and counts that the
server names are bounded. Anything unexpected raises, and the caller says nothing.
"""

import os
from _hashlib import (
    hmac_digest,
    openssl_sha256,
    pbkdf2_hmac,
)
from _operator import _compare_digest
from _socket import (
    AF_UNSPEC,
    IPPROTO_TCP,
    SOCK_STREAM,
    TCP_NODELAY,
    getaddrinfo,
    socket,
)
from binascii import a2b_base64, b2a_base64

from asyncmigrate._database.settled import OURS, SETTLED, digests_of, filled
from asyncmigrate._fast.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Iterator

SECONDS = 3.0
"""Longer than that for one answer, and the ordinary path takes over."""
LARGEST = 1 << 26
"""Bytes of one message at most."""
MOST_ITERATIONS = 100_000
"""Of SCRAM, that a server may ask for: it costs us the time, not the server."""


class Unexpected(Exception):
    """The server said something that is not plain."""


class Conversation:
    """One connection: begun, then finished when the files are known."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.socket: socket | None = None
        self.buffer = b""
        self.at = 0

    def begin(self) -> None:
        """Connect and introduce ourselves; the first answer is not waited for."""
        request = self.request
        # As bytes: a text would load the codec for names beyond ASCII, 6 ms of 24.
        family, kind, protocol, _, address = getaddrinfo(
            request.host.encode("ascii"), request.port, AF_UNSPEC, SOCK_STREAM
        )[0]
        self.socket = socket(family, kind, protocol)
        self.socket.settimeout(SECONDS)
        self.socket.connect(address)
        self.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        if request.ask_tls:
            self.socket.sendall(_int(8) + _int(80877103))
            if self.socket.recv(1) != b"N":
                raise Unexpected  # TLS: the driver's business
        pairs = ["user", request.user, "database", request.database]
        pairs += ["client_encoding", "UTF8", "application_name", "asyncmigrate look"]
        body = b"".join(text.encode() + b"\0" for text in pairs) + b"\0"
        self.socket.sendall(_int(len(body) + 8) + _int(196608) + body)

    def finish(self) -> dict[str | None, str | None] | None:
        """File to digest of every row that stands, as `settled` reads them."""
        names = ("asyncmigrate", self.request.namespace)
        question = f"{filled(OURS, *names)};{filled(SETTLED, *names)}"
        self._authenticate(then=_message(b"Q", question.encode() + b"\0"))
        for kind, _ in self._until_ready():
            if kind not in (b"S", b"K", b"N"):
                raise Unexpected
        answers: list[list[list[str | None]]] = []
        for kind, body in self._until_ready():
            if kind == b"T":
                answers.append([])
            elif kind == b"D":
                answers[-1].append(_row(body))
            elif kind not in (b"C", b"S", b"N"):
                raise Unexpected
        _, rows = answers
        return digests_of(rows)

    def close(self) -> None:
        """Say goodbye, and do not wait for an answer."""
        if self.socket is not None:
            try:
                self.socket.sendall(b"X" + _int(4))
            finally:
                self.socket.close()

    # ---- messages

    def _send(self, messages: bytes) -> None:
        if self.socket is None:
            raise Unexpected
        self.socket.sendall(messages)

    def _until_ready(self) -> "Iterator[tuple[bytes, bytes]]":
        while (message := self._next())[0] != b"Z":
            yield message

    def _next(self) -> tuple[bytes, bytes]:
        head = self._take(5)
        length = int.from_bytes(head[1:], "big") - 4
        if not 0 <= length <= LARGEST:
            raise Unexpected
        return head[:1], self._take(length)

    def _take(self, size: int) -> bytes:
        if len(self.buffer) - self.at < size:
            if self.socket is None:
                raise Unexpected
            pieces = [self.buffer[self.at :]]
            have = len(pieces[0])
            while have < size:
                piece = self.socket.recv(65536)
                if not piece:
                    raise Unexpected
                pieces.append(piece)
                have += len(piece)
            self.buffer, self.at = b"".join(pieces), 0
        self.at += size
        return self.buffer[self.at - size : self.at]

    # ---- SCRAM

    def _authenticate(self, then: bytes) -> None:
        """Prove who we are, and send *then* behind it, which saves a round trip.

        Its answers come after the server's own proof, and so count only with that.
        """
        kind, body = self._next()
        if kind != b"R":
            raise Unexpected
        code = int.from_bytes(body[:4], "big")
        if code == 0:
            self._send(then)
            return
        if code != 10 or b"SCRAM-SHA-256" not in body[4:].split(b"\0"):  # noqa: PLR2004 - SASL
            raise Unexpected
        nonce = b2a_base64(os.urandom(18), newline=False)
        first = b"n=,r=" + nonce
        opening = b"SCRAM-SHA-256\0" + _int(len(first) + 3) + b"n,," + first
        self._send(_message(b"p", opening))
        challenge = self._sasl(11)
        proof, signature = _scram(
            self.request.password.encode(), nonce, first, challenge
        )
        self._send(_message(b"p", proof) + then)
        if not _compare_digest(self._sasl(12), b"v=" + signature):
            raise Unexpected
        kind, body = self._next()
        if kind != b"R" or body != _int(0):
            raise Unexpected

    def _sasl(self, expected: int) -> bytes:
        kind, body = self._next()
        if kind != b"R" or int.from_bytes(body[:4], "big") != expected:
            raise Unexpected
        return body[4:]


def _scram(
    password: bytes, nonce: bytes, first: bytes, challenge: bytes
) -> tuple[bytes, bytes]:
    """Our last message, and the signature that only the real server can give."""
    fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
    iterations = int(fields[b"i"])
    if not password or not fields[b"r"].startswith(nonce) or fields[b"r"] == nonce:
        raise Unexpected
    if not 0 < iterations <= MOST_ITERATIONS:
        raise Unexpected
    salted = pbkdf2_hmac("sha256", password, a2b_base64(fields[b"s"]), iterations)
    client_key = hmac_digest(salted, b"Client Key", "sha256")
    last = b"c=biws,r=" + fields[b"r"]
    message = first + b"," + challenge + b"," + last
    stored = openssl_sha256(client_key).digest()
    client_signature = hmac_digest(stored, message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, client_signature, strict=True))
    server_key = hmac_digest(salted, b"Server Key", "sha256")
    signature = b2a_base64(hmac_digest(server_key, message, "sha256"), newline=False)
    return last + b",p=" + b2a_base64(proof, newline=False), signature


def _int(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + _int(len(body) + 4) + body


def _row(body: bytes) -> list[str | None]:
    """The columns of a DataRow, as text."""
    row: list[str | None] = []
    at = 2
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[at : at + 4], "big", signed=True)
        at += 4
        if size < 0:
            row.append(None)
            continue
        row.append(body[at : at + size].decode())
        at += size
    return row
