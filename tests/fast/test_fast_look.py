"""The fast look: the same answer as the ordinary path, or none."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio.to_thread
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncmigrate import migrate, rollback
from asyncmigrate._fast.wire import MOST_ITERATIONS
from asyncmigrate.embedded import embedded_postgres
from asyncmigrate.errors import MigrationError
from tests.fast.looking import nothing_to_do
from tests.fast.scram import READY, SASL, auth, message
from tests.kit.databases import Database

UP_DOWN = "-- UP\nCREATE TABLE {0} (id int);\n-- DOWN\nDROP TABLE {0};\n"


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """The variables of one start; what else is set for us is taken away."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(("PG", "ASYNCMIGRATE_")) or name == "DATABASE_URL":
            del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


async def fast_says(database: Database, *options: str) -> bool:
    arguments = ["migrate", "-d", str(database.files.path), *options]

    def look() -> bool:
        with environment(DATABASE_URL=f"{database.dsn}?sslmode=disable"):
            return nothing_to_do(arguments) is not None

    return await anyio.to_thread.run_sync(look)


async def ordinary_says(database: Database) -> bool:
    try:
        report = await migrate(database.dsn, database.files.path, dry_run=True)
    except MigrationError:
        return False
    return not report.results and not report.warnings


async def edit(database: Database) -> None:
    database.files.add("0001_a.sql", UP_DOWN.format("edited"))


async def improve_down(database: Database) -> None:
    text = UP_DOWN.format("a").replace("DROP TABLE a", "DROP TABLE IF EXISTS a")
    database.files.add("0001_a.sql", text)


async def add(database: Database) -> None:
    database.files.add("0009_new.sql", "SELECT 1;")


async def remove(database: Database) -> None:
    database.files.remove("0002_b.up.sql")
    database.files.remove("0002_b.down.sql")


async def rename(database: Database) -> None:
    database.files.rename("0001_a.sql", "0001_c.sql")


async def change_half_of_a_pair(database: Database) -> None:
    database.files.add("0002_b.down.sql", "DROP TABLE IF EXISTS b;")


async def change_repeatable(database: Database) -> None:
    database.files.add("repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT 2 AS x;")


async def undo_repeatable(database: Database) -> None:
    first = database.files.read("repeatable/v.sql")
    await change_repeatable(database)
    await migrate(database.dsn, database.files.path)
    await database.execute(
        "UPDATE asyncmigrate.schema_migrations SET rolled_back_at = now()"
        " WHERE id = (SELECT max(id) FROM asyncmigrate.schema_migrations)"
    )
    database.files.add("repeatable/v.sql", first)


async def undo_one(database: Database) -> None:
    await rollback(database.dsn, database.files.path)


async def fail(database: Database) -> None:
    await database.execute(
        "UPDATE asyncmigrate.schema_migrations SET state = 'failed'"
        " WHERE version = '0001'"
    )


async def hide(database: Database) -> None:
    await database.execute(
        "ALTER TABLE asyncmigrate.schema_migrations ENABLE ROW LEVEL SECURITY,"
        " FORCE ROW LEVEL SECURITY"
    )


async def grow(database: Database) -> None:
    await database.execute("UPDATE asyncmigrate.meta SET min_reader = 99")


async def lose(database: Database) -> None:
    await database.execute("DROP TABLE asyncmigrate.meta")


async def duplicate(database: Database) -> None:
    database.files.add("01_a.sql", UP_DOWN.format("a"))


async def reserve(database: Database) -> None:
    database.files.add("seeds/0003_x.sql", "SELECT 1;")


async def write_prose(database: Database) -> None:
    database.files.add("README.md", "# migrations")


async def hide_a_file(database: Database) -> None:
    database.files.add("_draft.sql", "SELECT")


async def nothing(database: Database) -> None:
    assert await database.fetchval("SELECT true")


CHANGES = [
    edit, improve_down, add, remove, rename, change_half_of_a_pair, change_repeatable,
    undo_repeatable, undo_one, fail, hide, grow, lose, duplicate, reserve, write_prose, hide_a_file,
    nothing,
]  # fmt: skip


async def prepare(database: Database) -> None:
    database.files.add("0001_a.sql", UP_DOWN.format("a"))
    database.files.add("0002_b.up.sql", "CREATE TABLE b (id int);")
    database.files.add("0002_b.down.sql", "DROP TABLE b;")
    database.files.add("repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x;")
    await migrate(database.dsn, database.files.path)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_the_fast_look_never_says_more_than_the_ordinary_path(
    database: Database, change: object
) -> None:
    await prepare(database)

    await change(database)  # type: ignore[operator]  # parametrised above
    fast = await fast_says(database)

    assert fast <= await ordinary_says(database)
    # Row security does not touch the superuser that the suite logs in as.
    assert fast == (change in {nothing, write_prose, hide_a_file, hide})


async def test_an_empty_database_and_an_empty_directory_are_left_to_the_ordinary_path(
    database: Database,
) -> None:
    assert not await fast_says(database)

    await prepare(database)

    assert not await fast_says(database, "--namespace", "other")


@pytest.mark.parametrize(
    "options",
    [
        ["--to", "0001"], ["--json"], ["--dry-run"], ["--unknown"], ["-d", "other"],
        ["--dsn", "postgresql://u@localhost/x?sslmode=verify-full"], ["extra"],
        ["--lock-wait", "1 s"], ["--dsn"], ["--dsn", "service=app"],
    ],
)  # fmt: skip
async def test_a_start_that_is_not_plain_is_left_to_the_ordinary_path(
    database: Database, options: list[str]
) -> None:
    await prepare(database)

    assert not await fast_says(database, *options)


@pytest.mark.parametrize(
    "variables",
    [
        {"ASYNCMIGRATE_FAST": "0"}, {"ASYNCMIGRATE_UNKNOWN": "1"},
        {"ASYNCMIGRATE_TRACKING_SCHEMA": "x"}, {"PGSERVICE": "x"},
        {"PGSSLMODE": "require"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_variable_that_it_does_not_know_ends_it(
    database: Database, variables: dict[str, str]
) -> None:
    await prepare(database)
    arguments = ["migrate", "-d", str(database.files.path)]

    with environment(DATABASE_URL=database.dsn, **variables):
        assert nothing_to_do(arguments) is None


async def test_a_file_of_settings_ends_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(database)
    monkeypatch.chdir(database.files.path)
    above = database.files.path / "pyproject.toml"

    above.write_text("[tool.other]\nx = 1\n")
    unrelated = await fast_says(database)
    above.write_text('[ tool . "asyncmigrate" ]\nnamespace = "x"\n')

    assert not await fast_says(database)
    above.unlink()
    assert unrelated <= await fast_says(database)


def test_scram_is_spoken_and_a_wrong_password_is_left_to_the_ordinary_path() -> None:
    secret = "s3cret:?"  # noqa: S105 - of a server of our own
    with embedded_postgres(password=secret) as server, environment():
        dsn = server.dsn("postgres")
        wrong = dsn.replace("s3cret", "other")

        assert nothing_to_do(["migrate", "--dsn", dsn, "-d", "."]) is None
        assert nothing_to_do(["migrate", "--dsn", wrong, "-d", "."]) is None


class Liar:
    """A server on loopback that answers whatever it was told to."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers
        self.received = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def dsn(self) -> str:
        port = self.socket.getsockname()[1]
        return f"postgresql://u:hunter2@127.0.0.1:{port}/d?sslmode=disable"

    def _serve(self) -> None:
        try:
            connection, _ = self.socket.accept()
            with connection:
                connection.settimeout(5)
                for answer in self.answers:
                    self.received += connection.recv(65536)
                    connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    self.received += piece
        except OSError:
            return

    def close(self) -> None:
        self.socket.close()
        self.thread.join(5)


def says(liar: Liar, directory: str) -> bool:
    try:
        with environment():
            arguments = ["migrate", "--dsn", liar.dsn, "-d", directory]
            return nothing_to_do(arguments) is not None
    finally:
        liar.close()


@pytest.fixture
def directory(tmp_path: object) -> str:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")  # type: ignore[operator]  # a Path
    return str(tmp_path)


@pytest.mark.parametrize(
    "request_for_password", [auth(3), auth(5, b"salt"), auth(7), auth(99)]
)
def test_no_password_is_sent_in_clear_or_as_md5(
    directory: str, request_for_password: bytes
) -> None:
    liar = Liar(request_for_password)

    assert not says(liar, directory)
    assert b"hunter2" not in liar.received
    assert b"md5" not in liar.received


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=theirs,s=c2FsdA==,i=4096",
        b"r=,s=c2FsdA==,i=4096",
        f"r=x,s=c2FsdA==,i={MOST_ITERATIONS + 1}".encode(),
        b"r=x,s=c2FsdA==,i=-1",
        b"e=other-error",
        b"",
    ],
)
def test_a_challenge_that_is_not_for_us_is_not_answered(
    directory: str, challenge: bytes
) -> None:
    assert not says(Liar(SASL, auth(11, challenge)), directory)


def test_a_server_that_skips_its_signature_is_not_believed(directory: str) -> None:
    rows = auth(0) + READY

    assert not says(Liar(SASL, rows, rows), directory)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    answers=st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from([auth(0), READY, SASL, message(b"T", b"\0\0")]),
            st.builds(
                message,
                st.sampled_from([b"D", b"R", b"E", b"Z", b"C"]),
                st.binary(max_size=60),
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_server_sends_there_is_no_answer_and_no_exception(
    directory: str, answers: list[bytes]
) -> None:
    assert not says(Liar(b"".join(answers)), directory)


def test_a_server_that_does_not_answer_is_left_to_the_ordinary_path(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncmigrate._fast.wire.SECONDS", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    dsn = f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/d"

    with environment():
        answer = nothing_to_do(["migrate", "--dsn", dsn, "-d", directory])

    silent.close()
    assert answer is None
