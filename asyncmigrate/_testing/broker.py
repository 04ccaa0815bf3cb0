"""What the processes of one test session share: one embedded server, one failure.

The process that starts the others listens on a port of its own. It starts a server
when the first of them asks, and ends it when all of them are gone; and it remembers
what the first one met, so that the others need not fail at the same again. Whoever
does not know the word that only they were told gets no answer.
"""

import contextlib
import json
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from asyncmigrate.errors import EmbeddedServerUnavailable

if TYPE_CHECKING:
    from asyncmigrate.embedded import EmbeddedPostgres

_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 120.0
"""Seconds; a server on a busy machine takes some to start."""


class Broker:
    """Listens from the moment it is made, in a daemon thread, until it is closed."""

    def __init__(self) -> None:
        self._socket = socket.create_server((_HOST, 0))
        self._word = secrets.token_hex(16)
        self.address = f"{self._socket.getsockname()[1]} {self._word}"
        """What the other processes are told: the port, and the word."""
        self._lock = threading.Lock()
        self._server: EmbeddedPostgres | None = None
        self._failures: dict[str, str] = {}
        threading.Thread(
            target=self._listen, name="asyncmigrate tests", daemon=True
        ).start()

    def close(self) -> None:
        """Listen no more, and end the server."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            if self._server is not None:
                self._server.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError, ValueError):
                connection.settimeout(_PATIENCE)
                answer = self._answer(json.loads(_read(connection)))
                connection.sendall(json.dumps(answer).encode())

    def _answer(self, question: dict[str, Any]) -> object:
        if not secrets.compare_digest(str(question.pop("word", "")), self._word):
            return None
        match question:
            case {"server": version}:
                return self._start(version)
            case {"failed": key, "message": message}:
                self._failures.setdefault(key, message)
                return None
            case {"failed": key}:
                return self._failures.get(key)
            case _:
                return None

    def _start(self, version: str | None) -> dict[str, Any]:
        # Most sessions of pytest-xdist never ask for a server.
        from asyncmigrate.embedded import EmbeddedPostgres  # noqa: PLC0415

        with self._lock:
            try:
                if self._server is None:
                    server = EmbeddedPostgres(version=version)
                    server.start()
                    self._server = server
            except EmbeddedServerUnavailable as error:
                return {"reason": error.reason, "hint": error.hint}
            return {"dsn": self._server.dsn()}


def ask_for_server(address: str, version: str | None) -> str | None:
    """The DSN of the session's server; null when nobody listens here.

    Raises:
        EmbeddedServerUnavailable: it could not be started.
    """
    answer = _ask(address, {"server": version})
    if not isinstance(answer, dict):
        return None
    if "dsn" not in answer:
        raise EmbeddedServerUnavailable(answer["reason"], hint=answer["hint"])
    return str(answer["dsn"])


def ask_for_failure(address: str | None, key: str) -> str | None:
    """What another process met when it built this template."""
    answer = _ask(address, {"failed": key}) if address else None
    return answer if isinstance(answer, str) else None


def tell_failure(address: str | None, key: str, message: str) -> None:
    """Spare the others the same."""
    if address:
        _ask(address, {"failed": key, "message": message})


def _ask(address: str, question: dict[str, Any]) -> object:
    port, _, word = address.partition(" ")
    try:
        with socket.create_connection((_HOST, int(port)), _PATIENCE) as connection:
            connection.sendall(json.dumps({**question, "word": word}).encode())
            connection.shutdown(socket.SHUT_WR)
            answer: object = json.loads(_read(connection))
            return answer
    except (OSError, ValueError):
        return None


def _read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))
