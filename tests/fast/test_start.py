"""The look as a whole process: what is read of its output, and what ends it early."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncmigrate._fast.signals import LeavingAtOnce
from tests.fast.scram import Honest
from tests.fast.test_conversation import RIGHT, SCRIPT
from tests.fast.test_fast_look import environment


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_a.sql").write_bytes(SCRIPT)
    return folder


def start(dsn: str, directory: Path, **options: object) -> "subprocess.Popen[str]":
    with environment():
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # options
            [sys.executable, "-m", "asyncmigrate", "migrate", "--dsn", dsn],
            cwd=directory.parent,
            env={**os.environ, "HOME": str(directory.parent)},
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )


def test_who_reads_no_more_is_no_error(directory: Path) -> None:
    server = Honest(RIGHT)
    reading, writing = os.pipe()
    os.close(reading)

    started = start(server.dsn, directory, stdout=writing)
    os.close(writing)
    _, said = started.communicate(timeout=20)

    server.close()
    assert server.proved
    assert (started.returncode, said) == (0, "")


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_without_a_word(
    number: signal.Signals, directory: Path, silent: socket.socket
) -> None:
    dsn = f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/d"

    started = start(dsn, directory, stdout=subprocess.PIPE)
    connection, _ = silent.accept()
    with connection:
        started.send_signal(number)
        said = started.communicate(timeout=20)

    assert (started.returncode, said) == (128 + number, ("", ""))


def test_what_is_ignored_stays_ignored_and_what_was_there_is_put_back() -> None:
    def other(_: int, __: object) -> None:
        """Do nothing."""

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    before_that = signal.signal(signal.SIGTERM, other)
    try:
        with LeavingAtOnce():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not other
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is other
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, before_that)
