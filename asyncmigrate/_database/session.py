"""One connection straight to the primary: each method is one round trip.

Nothing here sleeps, retries or decides. Reads go through ``COPY (…) TO STDOUT``, which
is one trip where ``fetch`` is two, and needs no type introspection, which is eight
(measured). Names in the engine's SQL are qualified, or resolved under the search path
of `settle`.
"""

import asyncio
import contextlib
import gc
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, LiteralString

import asyncpg

from asyncmigrate._database import sockets
from asyncmigrate._database.failures import (
    SessionLost,
    StatementFailed,
    Veil,
    translated,
)
from asyncmigrate._database.keys import advisory_key, halves
from asyncmigrate._sql.quoting import quote_ident, quote_literal
from asyncmigrate._sql.secrets import without_secrets

Row = list[str | None]

SEARCH_PATH: Final[LiteralString] = "SET search_path = pg_catalog, pg_temp"
"""What the engine's own statements are resolved with: a temporary table comes last."""


@dataclass(frozen=True, slots=True)
class Names:
    """The tracking schema and the namespace, as the engine's SQL writes them."""

    tracking_schema: str
    namespace_text: str

    @property
    def schema(self) -> str:
        """The quoted tracking schema."""
        return quote_ident(self.tracking_schema)

    @property
    def namespace(self) -> str:
        """The namespace as a literal."""
        return quote_literal(self.namespace_text)

    def key_of(self, namespace: str) -> int:
        """The advisory key: a signed 64-bit integer."""
        return _advisory_key(self.tracking_schema, namespace)

    @property
    def key(self) -> str:
        """The advisory key of this namespace; its type is bigint, whatever its size."""
        return f"({self.key_of(self.namespace_text)})::pg_catalog.int8"

    @property
    def schema_key(self) -> str:
        """The key under which the tracking schema itself is made and upgraded."""
        return f"({self.key_of('')})::pg_catalog.int8"

    @property
    def key_halves(self) -> tuple[int, int]:
        """``classid`` and ``objid`` of the key as pg_locks shows it."""
        return halves(self.key_of(self.namespace_text))


_WAIT_FOR_STANDBY: Final = "SyncRepWaitForLSN"
"""Where in the server a COMMIT waits; its messages may come in any language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A NOTICE, a WARNING or the like."""

    severity: str
    text: str
    sqlstate: str | None
    is_of_replication: bool
    """Whether a COMMIT says that it waits for its standby no longer: it stands."""


_advisory_key = lru_cache(advisory_key)


class Session:
    """A connection and the names that its statements need."""

    def __init__(self, connection: "asyncpg.Connection[Any]", names: Names) -> None:
        self.connection = connection
        self.names = names
        self.settings_sql = ""
        """The statement that sets our settings, once `settle` has asked which are known."""
        self._hushed: str | None = None
        self.veil: Veil = without_secrets
        """What all that the server says goes through, before anybody is told of it."""
        self.is_copying = False
        """Whether rows of a script's COPY are being sent."""
        self.heard: Callable[[], None] | None = None
        """Called with each piece of an answer that is read."""
        self.knows_tables = False
        """Whether it is known that reading the tracking tables runs nobody's code."""
        self.backend_pid: int | None = None
        """What the backend itself says; behind a pooler the protocol tells another."""

    @property
    def pid(self) -> int:
        """The backend's process id, by default as the protocol's key data told it."""
        if self.backend_pid is not None:
            return self.backend_pid
        pid: int = self.connection.get_server_pid()
        return pid

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as the last reply said."""
        return bool(self.connection.is_in_transaction())

    @property
    def server_version(self) -> int:
        """The server's major version."""
        return int(self.connection.get_server_version().major)

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone."""
        return self.connection.is_closed()

    @property
    def is_waiting_for_reply(self) -> bool:
        """Whether a request is under way, also one that a migration's own code sent.

        May be asked from any thread.
        """
        return bool(self._awaited())

    @property
    def has_bytes_under_way(self) -> bool:
        """Whether something has not reached the other side yet, or lies here unread.

        May be asked from any thread.
        """
        transport = getattr(self.connection, "_transport", None)
        if transport is None:
            return False
        try:
            return bool(
                transport.get_write_buffer_size() or sockets.in_kernel(self._socket)
            )
        except RuntimeError:  # it was being sent just then
            return True

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.connection, self.veil)

    def fill(self, sql: str) -> str:
        """*sql* with ``{schema}``, ``{namespace}`` and ``{key}`` filled in."""
        names = self.names
        return (
            sql.replace("{schema}", names.schema)
            .replace("{namespace}", names.namespace)
            .replace("{key}", names.key)
        )

    async def execute(self, sql: str) -> str:
        """Send *sql*, one statement or several, as one simple query."""
        with self._translated():
            status: str = await self.connection.execute(sql)
            return status

    async def ask(self, query: str, *, provided: str = "") -> list[Row]:
        """The rows of one query, as text. Null is None; see `read`."""
        return list(parse_copy(await self.read(query, provided=provided)))

    async def read(self, query: str, *, provided: str = "") -> bytes:
        """The rows of one query, for `parse_copy`.

        *provided*, a statement before it in the same round trip, may refuse it by an
        error; it is not even planned then.
        """
        chunks: list[bytes] = []

        async def sink(data: bytes) -> None:
            chunks.append(data)
            if self.heard is not None:
                self.heard()

        with self._translated():
            try:
                if provided:
                    # The public method sends one statement and no other.
                    await self.connection._copy_out(  # type: ignore[attr-defined]  # noqa: SLF001
                        f"{provided};COPY ({query}) TO STDOUT", sink, None
                    )
                else:
                    await self.connection.copy_from_query(query, output=sink)
            except asyncpg.InternalClientError:
                self._disown_waiter()
                raise
        return b"".join(chunks)

    def _disown_waiter(self) -> None:
        """Let nobody be told of a future that the driver made and did not await.

        A backend that was ended leaves its last word, and the driver then refuses a
        COPY only after it has made the future for its answer. When the connection is
        dropped that gets an exception, of which the host application's loop would say
        that it was never retrieved (asyncpg 0.32, measured).
        """
        for each in self._awaited():
            each.add_done_callback(lambda made: made.cancelled() or made.exception())

    def _awaited(self) -> "list[asyncio.Future[Any]]":
        """What the driver has promised and the server has not answered yet."""
        connection: Any = self.connection
        # The driver shows neither its state nor the future that it waits for.
        held = gc.get_referents(connection._protocol)  # noqa: SLF001 - no other way
        return [each for each in held if asyncio.isfuture(each) and not each.done()]

    async def copy_in(self, statement: str, data: bytes) -> None:
        """Run ``COPY … FROM stdin`` and feed it *data*."""

        async def source() -> Any:  # noqa: ANN401 - asyncpg takes any async iterable
            for start in range(0, len(data), 1 << 20):
                yield data[start : start + (1 << 20)]

        self.is_copying = True
        try:
            with self._translated():
                # The public copy_to_table builds a statement of its own; the author's,
                # with its options, must run as it is.
                await self.connection._copy_in(statement, source(), None)  # type: ignore[attr-defined]  # noqa: SLF001
        finally:
            self.is_copying = False

    @contextmanager
    def savepoints(self) -> Iterator["asyncpg.Connection[Any]"]:
        """The connection, whose ``transaction()`` is a savepoint of what is open.

        The driver refuses it in a transaction that it did not begin itself.
        """
        connection: Any = self.connection
        if connection.is_in_transaction():
            connection._top_xact = connection.transaction()  # noqa: SLF001 - see above
        try:
            yield connection
        finally:
            connection._top_xact = None  # noqa: SLF001 - see above

    def on_closed(self, call: Callable[[], None]) -> None:
        """Have *call* called, in this loop, when the connection is gone."""
        self.connection.add_termination_listener(lambda _: call())

    def listen(self, told: Callable[["Message"], None]) -> None:
        """Call *told* with each message that the server sends beside its answers."""

        def listener(_: object, message: Any) -> None:  # noqa: ANN401 - asyncpg's union
            if message.sqlstate == self._hushed:
                return
            severity = getattr(message, "severity_en", None) or message.severity
            source = getattr(message, "server_source_function", None)
            told(
                Message(
                    severity=str(severity),
                    text=self.veil(str(message.message)),
                    sqlstate=message.sqlstate,
                    is_of_replication=source == _WAIT_FOR_STANDBY,
                )
            )

        with self._translated():  # it may be gone already
            self.connection.add_log_listener(listener)

    @contextmanager
    def veiled(self, veil: Veil) -> Iterator[None]:
        """What the server says meanwhile goes through *veil* as well."""
        self.veil = lambda text: without_secrets(veil(text))
        try:
            yield
        finally:
            self.veil = without_secrets

    @contextmanager
    def hushed(self, sqlstate: str) -> Iterator[None]:
        """What the server says by that code meanwhile is told to nobody."""
        self._hushed = sqlstate
        try:
            yield
        finally:
            self._hushed = None

    @property
    def _socket(self) -> Any:  # noqa: ANN401 - each event loop has its own kind
        transport = getattr(self.connection, "_transport", None)
        return transport.get_extra_info("socket") if transport else None

    def keep_alive(self) -> None:
        """Have the kernel notice a server that is gone without a word.

        As the server does for us: it matters to a run without a keeper above all.
        """
        if self._socket is not None:
            sockets.keep_alive(self._socket)

    def cut(self) -> None:
        """Close the socket at once, from this thread or another; never blocks."""
        if self._socket is not None:
            sockets.shut(self._socket)

    async def cancelled_is_answered(self) -> None:
        """Wait until the server has answered a statement that was cancelled here."""
        connection: Any = self.connection
        if not connection.is_closed():
            await connection._protocol._wait_for_cancellation()  # noqa: SLF001 - it has no public door

    async def cancel_again(self) -> None:
        """Repeat the driver's cancel; returns when the server has passed it on."""
        connection: Any = self.connection
        sent = asyncio.get_running_loop().create_future()
        with self._translated():
            connection._cancel_current_command(sent)  # noqa: SLF001 - as above
            await sent

    def terminate(self) -> None:
        """Drop the connection, from its own loop; no effect on a closed one."""
        self.connection.terminate()

    async def close(self) -> None:
        """Say goodbye; bounded by the caller. A farewell that fails harms nobody."""
        with (
            contextlib.suppress(SessionLost, StatementFailed),
            self._translated(),
        ):
            await self.connection.close()


def parse_copy(data: bytes) -> Iterator[Row]:
    """Rows of the text format (PostgreSQL manual, COPY, "Text Format"), one by one."""
    for line in io.BytesIO(data):
        cells = line[:-1].decode("utf-8").split("\t")
        # Without a backslash there is neither a null nor anything escaped.
        yield [_field(cell) for cell in cells] if b"\\" in line else [*cells]


_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _field(cell: str) -> str | None:
    if "\\" not in cell:
        return cell
    if cell == "\\N":
        return None
    head, *rest = cell.split("\\")
    out = [head]
    literal = False
    for piece in rest:
        if literal:
            out.append(piece)
            literal = False
        elif piece:
            out.append(_ESCAPES.get(piece[0], piece[0]) + piece[1:])
        else:
            out.append("\\")
            literal = True
    return "".join(out)
