"""What the processes of one test session share: one embedded server, one failure.

The process that starts the others listens on a socket of its own. It starts a server
when the first of them asks, and ends it when all of them are gone; and it remembers
what the first one met, so that the others need not fail at the same again.
"""

import contextlib
import json
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import EmbeddedServerUnavailable

_PATIENCE: Final = 120.0
"""Seconds; a server on a busy machine takes some to start."""


class Broker:
    """Listens from the moment it is made, in a daemon thread, until it is closed."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="asyncmigrate-tests-"))
        self.address = str(self._home / "socket")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.address)
        self._socket.listen()
        self._lock = threading.Lock()
        self._server: EmbeddedPostgres | None = None
        self._failures: dict[str, str] = {}
        threading.Thread(
            target=self._listen, name="asyncmigrate tests", daemon=True
        ).start()

    def close(self) -> None:
        """End the server, and what was made for the socket."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            if self._server is not None:
                self._server.close()
        shutil.rmtree(self._home, ignore_errors=True)

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
    """The DSN of the session's server; null when nobody listens any more.

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
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(address)
            connection.sendall(json.dumps(question).encode())
            connection.shutdown(socket.SHUT_WR)
            answer: object = json.loads(_read(connection))
            return answer
    except (OSError, ValueError):
        return None


def _read(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))
