"""A few messages of PostgreSQL's protocol, over a plain socket, with SCRAM-SHA-256.

(PostgreSQL manual, "Message Flow"; RFC 5802, RFC 7677.) The server's signature is
verified; a password is never sent in clear or as MD5; time, bytes and counts are
bounded, whatever the server does. Anything unexpected raises, and the caller says
nothing.
"""

import os
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
from time import monotonic

from asyncmigrate._database.settled import OURS, SETTLED, filled
from asyncmigrate._fast.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Iterator, Sequence

LOOK = "asyncmigrate look"
"""``application_name`` of a look in the default namespace."""
SECONDS = 3.0
"""Longer than that for an answer, and the ordinary path takes over."""
PARTING = 0.2
"""Seconds that the server is given to hang up, when the ordinary path comes next."""
LARGEST = 1 << 24
"""Bytes of the whole conversation at most: the rows of a hundred thousand files."""
MOST_ITERATIONS = 100_000
"""Of SCRAM, that a server may ask for: it costs us the time, not the server."""
WIDTHS = (1, 3)
"""Columns of what `OURS` and `SETTLED` answer."""
NOTHING_THERE = (b"42P01", b"3F000")
"""SQLSTATE of a question after tables that nobody has made yet."""
LIMIT = "SET LOCAL statement_timeout = 2000"
"""Has the server itself end a question that waits for a lock. For the one transaction
that several statements in one message are, so that no pooler hands it on."""


class Unexpected(Exception):
    """The server said something that is not plain."""


class Conversation:
    """One connection: begun, asked, and finished when the files are known."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.socket: socket | None = None
        self.deadline = monotonic() + SECONDS
        self.signature: bytes | None = None
        """What the server must answer to our proof; null when it asked for none."""
        self.received = 0
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
        self._in_time().connect(address)
        self.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        if request.ask_tls:
            self._send(_int(8) + _int(80877103))
            if self._take(1) != b"N":
                raise Unexpected  # TLS: the driver's business
        pairs = ["user", request.user, "database", request.database]
        pairs += ["client_encoding", "UTF8", "application_name"]
        pairs.append(_name_of_look(request.namespace))
        body = b"".join(text.encode() + b"\0" for text in pairs) + b"\0"
        self._send(_int(len(body) + 8) + _int(196608) + body)

    def ask(self) -> None:
        """Prove who we are, and ask behind it, which saves a round trip.

        The answers come after the server's own proof, and so count only with that.
        """
        self._prove(then=_message(b"Q", self._settled.encode() + b"\0"))

    def finish(self) -> "Sequence[Sequence[str | None]] | None":
        """The rows of `SETTLED`; null where there are no tables yet."""
        self._verify()
        for kind, _ in self._until_ready():
            if kind not in (b"S", b"K", b"N"):
                raise Unexpected
        return self._rows()

    def ask_again(self) -> "Sequence[Sequence[str | None]] | None":
        """The same once more, on a connection that stands."""
        self._ask(self._settled)
        return self._rows()

    def count_before_us(self) -> tuple[int, int]:
        """How many starts and runs come first, and how many runs; see `queue`."""
        from asyncmigrate._fast.queue import before_us  # noqa: PLC0415 - seldom asked

        self._ask(f"{LIMIT};{before_us(self.request.namespace)}")
        answers = self._answers((2,))
        if answers is None:
            raise Unexpected
        (((before, at_work),),) = answers
        return int(before or 0), int(at_work or 0)

    @property
    def _settled(self) -> str:
        names = ("asyncmigrate", self.request.namespace)
        return f"{LIMIT};{filled(OURS, *names)};{filled(SETTLED, *names)}"

    def _ask(self, question: str) -> None:
        self._send(_message(b"Q", question.encode() + b"\0"))

    def _rows(self) -> "Sequence[Sequence[str | None]] | None":
        answers = self._answers(WIDTHS)
        if answers is None:
            return None
        _, rows = answers
        return rows

    def close(self, *, wait: bool) -> None:
        """Say goodbye; *wait* for the server to hang up, since then the slot is free."""
        if self.socket is None:
            return
        self.deadline = monotonic() + PARTING
        try:
            self._send(b"X" + _int(4))
            while wait and self._in_time().recv(65536):
                pass
        finally:
            self.socket.close()

    # ---- messages

    def _in_time(self) -> socket:
        """The socket, for one call that may take what is left of the time."""
        left = self.deadline - monotonic()
        if self.socket is None or left <= 0:
            raise Unexpected
        self.socket.settimeout(left)
        return self.socket

    def _send(self, messages: bytes) -> None:
        self._in_time().sendall(messages)

    def _answers(self, widths: tuple[int, ...]) -> list[list[list[str | None]]] | None:
        """The rows of each query of so many columns, one after the other.

        Null when one of them asked after a table that is not there.
        """
        answers: list[list[list[str | None]]] = []
        is_open = is_missing = False
        for kind, body in self._until_ready():
            if kind == b"T":
                answers.append([])
                is_open = True
            elif kind == b"D" and is_open:
                answers[-1].append(_row(body, widths[len(answers) - 1]))
            elif kind == b"C":
                is_open = False
            elif kind == b"E" and _sqlstate(body) in NOTHING_THERE:
                is_missing = True
            elif kind not in (b"S", b"N"):
                raise Unexpected
        return None if is_missing else answers

    def _until_ready(self) -> "Iterator[tuple[bytes, bytes]]":
        while (message := self._next())[0] != b"Z":
            yield message

    def _next(self) -> tuple[bytes, bytes]:
        # There is one for each file, so those that have arrived are not taken apart by
        # a call for each part.
        at, start = self.at, self.at + 5
        if start > len(self.buffer):
            self._take(5)
            at, start = self.at - 5, self.at
        length = int.from_bytes(self.buffer[at + 1 : start], "big") - 4
        if not 0 <= length <= LARGEST:
            raise Unexpected
        kind, end = self.buffer[at : at + 1], start + length
        if end > len(self.buffer):
            self.at = start
            return kind, self._take(length)
        self.at = end
        return kind, self.buffer[start:end]

    def _take(self, size: int) -> bytes:
        if len(self.buffer) - self.at < size:
            pieces = [self.buffer[self.at :]]
            have = len(pieces[0])
            while have < size:
                piece = self._in_time().recv(65536)
                self.received += len(piece)
                if not piece or self.received > LARGEST:
                    raise Unexpected
                pieces.append(piece)
                have += len(piece)
            self.buffer, self.at = b"".join(pieces), 0
        self.at += size
        return self.buffer[self.at - size : self.at]

    # ---- SCRAM

    def _prove(self, then: bytes) -> None:
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
        proof, self.signature = _scram(
            self.request.password.encode(), nonce, first, challenge
        )
        self._send(_message(b"p", proof) + then)

    def _verify(self) -> None:
        """Have the server prove itself, where it has had us do so."""
        if self.signature is None:
            return
        if not _compare_digest(self._sasl(12), b"v=" + self.signature):
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
    # Loaded while the server is at work: OpenSSL takes 3 ms.
    from _hashlib import (  # noqa: PLC0415 - see above
        hmac_digest,
        openssl_sha256,
        pbkdf2_hmac,
    )

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


def _name_of_look(namespace: str) -> str:
    """``application_name``, by which looks at one namespace know each other."""
    return LOOK if namespace == "default" else f"{LOOK} {namespace}"[:63]


def _int(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + _int(len(body) + 4) + body


def _sqlstate(body: bytes) -> bytes:
    """Of an ErrorResponse."""
    fields = (field for field in body.split(b"\0") if field[:1] == b"C")
    return next(fields, b"")[1:]


def _row(body: bytes, width: int) -> list[str | None]:
    """The columns of a DataRow, as text: so many, and nothing behind them."""
    if int.from_bytes(body[:2], "big") != width:
        raise Unexpected
    row: list[str | None] = []
    at = 2
    for _ in range(width):
        start = at + 4
        size = int.from_bytes(body[at:start], "big", signed=True)
        at = start + max(size, 0)
        row.append(None if size < 0 else body[start:at].decode())
    if at != len(body):
        raise Unexpected
    return row
