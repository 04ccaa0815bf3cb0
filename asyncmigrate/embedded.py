"""A private PostgreSQL for demonstrations and tests, with nothing to install beside pip.

The server is a child of this process, listens on 127.0.0.1 and on a socket in its own
temporary directory, and leaves nothing behind: not after an exception or Ctrl-C, and
not after ``kill -9`` either, since a watcher process ends it and its directory then.

The binaries come from the extra ``asyncmigrate[embedded]`` (PostgreSQL 18 and 16, no
contrib extensions), else from the system. It is no server for data that matters: with
the defaults a crash of the host loses it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import quote

from asyncmigrate._embedded.account import choose_account
from asyncmigrate._embedded.binaries import Binaries, find_binaries
from asyncmigrate._embedded.homes import Home, make_home
from asyncmigrate._embedded.processes import Watcher, answers, free_port, kill_all
from asyncmigrate.errors import EmbeddedServerUnavailable

__all__ = ["EmbeddedPostgres", "embedded_postgres"]

_HOST: Final = "127.0.0.1"
_SUPERUSER: Final = "postgres"
_STOP_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_PORT_TRIES: Final = 5
_STOP_TIMEOUT: Final = 30.0
"""Seconds for an orderly stop; then SIGKILL."""

_SETTINGS: Final = {
    "listen_addresses": _HOST,
    "max_wal_senders": "0",
    "wal_level": "minimal",
    # In the data directory, which is removed; in /dev/shm a killed server's would stay.
    "dynamic_shared_memory_type": "mmap",
}
# synchronous_commit stays on: with it off, what a killed server had confirmed is lost.
_WITHOUT_FSYNC: Final = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A PostgreSQL server of this process; `embedded_postgres` makes one.

    Not for several threads at once. Its calls block for some tenths of a second.
    """

    def __init__(  # noqa: PLR0913 - each one is a keyword with a default
        self,
        *,
        version: int | str | None = None,
        settings: Mapping[str, str] | None = None,
        fsync: bool = False,
        password: str | None = None,
        data_directory: str | Path | None = None,
        binaries: str | Path | None = None,
        in_memory: bool = True,
        start_timeout: float = 30.0,
    ) -> None:
        self._account = choose_account()
        self._binaries: Binaries = find_binaries(
            self._account,
            version=None if version is None else int(version),
            directory=None if binaries is None else Path(binaries),
        )
        self._settings = {
            **_SETTINGS,
            **({} if fsync else _WITHOUT_FSYNC),
            **(settings or {}),
        }
        self._password = password
        self._kept_data = None if data_directory is None else Path(data_directory)
        self._in_memory = in_memory
        self._start_timeout = start_timeout
        self._home: Home | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"{_HOST}:{self._port}" if self.is_running else "not running"
        return f"<EmbeddedPostgres {self.version}, {where}>"

    @property
    def version(self) -> int:
        """The major version, as 18."""
        return self._binaries.version

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return _HOST

    @property
    def port(self) -> int:
        """The TCP port, chosen at the first start and kept for every later one."""
        if self._port is None:
            message = "the embedded PostgreSQL has no port before its first start"
            raise RuntimeError(message)
        return self._port

    @property
    def socket_directory(self) -> Path:
        """Where its Unix-domain socket is; anything else in it may change."""
        return self._required_home().path

    @property
    def data_directory(self) -> Path:
        """The cluster's directory, for tests that look into it."""
        if self._kept_data is not None:
            return self._kept_data.expanduser().absolute()
        return self._required_home().path / "data"

    @property
    def pid(self) -> int | None:
        """The server's process, or None while it does not run."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the server has written so far, over all its starts."""
        try:
            return (self._required_home().path / "log").read_text("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def dsn(
        self, database: str = "postgres", user: str = _SUPERUSER, *, unix: bool = False
    ) -> str:
        """The URL to connect with, over TCP or over the Unix-domain socket.

        The superuser's carries its password, when there is one.
        """
        password = self._password if user == _SUPERUSER else None
        login = quote(user, safe="")
        if password is not None:
            login += f":{quote(password, safe='')}"
        name = quote(database, safe="")
        if unix:
            directory = quote(str(self.socket_directory), safe="")
            return f"postgresql://{login}@/{name}?host={directory}&port={self.port}"
        return f"postgresql://{login}@{_HOST}:{self.port}/{name}"

    def start(self) -> None:
        """Start the server, and return when it answers. Again after `stop` or `kill`.

        The port, the data and the settings are those of the first start.

        Raises:
            EmbeddedServerUnavailable: it did not start; the end of its log says why.
        """
        if self.is_running:
            return
        first = self._home is None
        try:
            if first:
                self._home = make_home(self._account, in_memory=self._in_memory)
                self._initialise(self._home)
            self._start_on_a_port()
        except BaseException:
            if first:
                self.close()
            raise

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server and keep its data, for `start`.

        ``fast`` ends every session and writes a checkpoint. ``immediate`` does not, as
        after a crash, and the next start recovers; what was confirmed is kept.
        """
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(_STOP_SIGNALS[mode])
            try:
                process.wait(timeout=_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                # A backend may have been stopped by SIGSTOP, and hears nothing.
                kill_all(process)
        self._forget_process()

    def kill(self) -> None:
        """SIGKILL for the server and all its backends, as when the host loses power.

        Nothing is written, no session is told. The data stays, for `start`.
        """
        if self._process is not None and self._process.poll() is None:
            kill_all(self._process)
        self._forget_process()

    def close(self) -> None:
        """Stop the server at once and remove its directory; in every ending.

        A *data_directory* that was given stays, and is stopped in an orderly way.
        """
        try:
            self.stop("fast" if self._kept_data is not None else "immediate")
        finally:
            home, self._home = self._home, None
            if home is not None:
                home.remove()

    def _required_home(self) -> Home:
        if self._home is None:
            message = "the embedded PostgreSQL has no directory: it was not started"
            raise RuntimeError(message)
        return self._home

    def _initialise(self, home: Home) -> None:
        data = self.data_directory
        if (data / "PG_VERSION").exists():
            return
        if not data.exists():
            data.mkdir(mode=0o700)
            self._account.give(data)
        command: list[str | Path] = [
            self._binaries.directory / "initdb",
            f"--pgdata={data}",
            f"--username={_SUPERUSER}",
            "--encoding=UTF8",
            "--locale=C",
            "--auth-local=trust",
            "--no-sync",
        ]
        if self._password is None:
            command.append("--auth-host=trust")
        else:
            secret = home.path / "password"
            secret.touch(mode=0o600)
            secret.write_text(self._password + "\n", encoding="utf-8")
            self._account.give(secret)
            command += ["--auth-host=scram-sha-256", f"--pwfile={secret}"]
        answer = self._account.run(command)
        (home.path / "password").unlink(missing_ok=True)
        if answer.returncode != 0:
            raise EmbeddedServerUnavailable(
                reason=f"initdb failed: {_end_of(answer.stderr or answer.stdout)}",
                hint="it needs an empty directory, and a user who has a name and reaches it",
            )

    def _start_on_a_port(self) -> None:
        """A free port may be taken before the server has it: then another, at first."""
        if self._port is not None:
            self._start_once()
            return
        for left in reversed(range(_PORT_TRIES)):
            self._port = free_port(_HOST)
            try:
                self._start_once()
            except EmbeddedServerUnavailable:
                if left == 0 or "Address already in use" not in self.log:
                    self._port = None
                    raise
            else:
                return

    def _start_once(self) -> None:
        home = self._required_home()
        settings = {"port": str(self.port), **self._settings}
        command: list[str | Path] = [
            self._binaries.directory / "postgres",
            "-D",
            self.data_directory,
            "-k",
            home.path,
        ]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        output = os.open(home.path / "log", flags, 0o600)
        try:
            process = self._account.start(command, output=output, keep=home.lock)
        finally:
            os.close(output)
        self._process = process
        try:
            self._watcher = Watcher(process.pid, home=home.path, lock=home.lock)
            self._wait_until_it_answers(process)
        except BaseException:
            self.kill()
            raise

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._start_timeout
        while not answers(self.socket_directory / f".s.PGSQL.{self.port}"):
            if process.poll() is not None:
                raise EmbeddedServerUnavailable(
                    reason=f"the server ended while starting: {_end_of(self.log)}",
                    hint="look at the settings that it was given",
                )
            if time.monotonic() > deadline:
                raise EmbeddedServerUnavailable(
                    reason="the server gave no answer within"
                    f" {self._start_timeout:g} s: {_end_of(self.log)}",
                    hint="raise `start_timeout` on a slow machine",
                )
            time.sleep(0.01)

    def _forget_process(self) -> None:
        watcher, self._watcher = self._watcher, None
        self._process = None
        if watcher is not None:
            watcher.dismiss()


@contextmanager
def embedded_postgres(  # noqa: PLR0913 - each one is a keyword with a default
    version: int | str | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    fsync: bool = False,
    password: str | None = None,
    data_directory: str | Path | None = None,
    binaries: str | Path | None = None,
    in_memory: bool = True,
    start_timeout: float = 30.0,
) -> Generator[EmbeddedPostgres]:
    """A running PostgreSQL for the length of a ``with`` block.

    Promises:
        When the block ends, however it ends, the server is gone, and its directory
        with it. When this process is killed a watcher does the same.

    Args:
        version: the major version; without one the extra's newest, 18, else the
            system's. The extra has 18 and 16.
        settings: server settings, such as ``{"max_prepared_transactions": "5"}``.
        fsync: True for a server that survives the crash of the host.
        password: the superuser's; then TCP asks for it by SCRAM-SHA-256. Without one
            nobody is asked for a password.
        data_directory: an empty or absent directory, or one of an earlier call, which
            is kept. A root process's server runs as an unprivileged user, who must be
            able to reach it.
        binaries: a directory with ``initdb`` and ``postgres`` to use instead.
        in_memory: False to keep the data off ``/dev/shm``, where it is put when there
            is 1 GiB of room.
        start_timeout: seconds until a server that does not answer is given up.

    Raises:
        EmbeddedServerUnavailable: no binaries, or the server did not start.
    """
    server = EmbeddedPostgres(
        version=version,
        settings=settings,
        fsync=fsync,
        password=password,
        data_directory=data_directory,
        binaries=binaries,
        in_memory=in_memory,
        start_timeout=start_timeout,
    )
    with server:
        yield server


def _end_of(log: str) -> str:
    lines = [line.strip() for line in log.strip().splitlines()]
    return " / ".join(lines[-3:]) or "it wrote nothing"
