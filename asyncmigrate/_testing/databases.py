"""What the fixtures ask: databases for one process's tests, from outside of any loop."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final, NoReturn, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from asyncmigrate._database.lending import LentPool
from asyncmigrate._database.rolled_back import Line, RolledBackConnection
from asyncmigrate._readers.errors import ErrorView
from asyncmigrate._settings import Settings, mask
from asyncmigrate._testing.broker import ask_for_server
from asyncmigrate._testing.stages import StagedDatabase
from asyncmigrate._testing.stock import Stock
from asyncmigrate._testing.wishes import Wishes, draw
from asyncmigrate._testing.yard import Yard
from asyncmigrate.embedded import EmbeddedPostgres
from asyncmigrate.errors import MigrationError

T = TypeVar("T")


_DROPPED: Final = "\n\nIt happened in a new database, which was dropped."


class Dsn(str):
    """A URL that shows no password where a failed test shows its values."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(mask(self))


class Databases:
    """Nothing is started before a test asks for something. Not for several threads."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._yard: Yard | None = None
        self._stock: Stock | None = None
        self._disposable = wishes.dsn is None
        """Whether the server ends with the session, and everything in it."""
        self._line = Line()
        self._shared: str | None = None
        self._failure: MigrationError | None = None
        self._told: set[str] = set()

    # ---- what the fixtures hand out

    @contextmanager
    def lend(self) -> Iterator[str]:
        """A clone of this test's own; dropped some time after it.

        Raises:
            MigrationError: there is no server, or the template could not be built.
        """
        stock = self._started_stock()
        name = stock.take()
        try:
            yield self._dsn(name)
        finally:
            stock.give_back(name)

    @contextmanager
    def pooled(self, dsn: str) -> Iterator[LentPool]:
        """A pool on a database of the test's own, closed after the test."""
        pool = LentPool(dsn)
        try:
            yield pool
        finally:
            pool.end()

    @contextmanager
    def rolled_back(
        self, refuse: Callable[[str], NoReturn], *, own: str | None = None
    ) -> Iterator[RolledBackConnection]:
        """A connection to a clone that such tests share, or to the test's *own*.

        A clone in which a transaction was not rolled back, or may not have been, is
        used no more.
        """
        if own is None and self._shared is None:
            self._shared = self._started_stock().take()
        line = Line() if own is not None else self._line
        dsn = own or self._dsn(self._shared or "")
        connection = RolledBackConnection(dsn, line, refuse)
        try:
            yield connection
        finally:
            connection.end()
            if own is not None:
                line.end()
            elif connection.escaped or not connection.verified:
                self._forget_shared()

    def _forget_shared(self) -> None:
        name, self._shared = self._shared, None
        self._line.end()
        if name is not None and self._stock is not None:
            self._stock.give_back(name)

    @contextmanager
    def staged(self) -> Iterator[Callable[[str], StagedDatabase]]:
        """Makes databases at a version; they are dropped some time after the test."""
        with ExitStack() as stack:

            def at(version: str) -> StagedDatabase:
                yard = self._started()
                blueprint = draw(self._wishes, str(version))
                name = self.run(lambda: yard.clone(blueprint))
                stack.callback(self._drop, name)
                database = StagedDatabase(
                    self._dsn(name), yard.settings(name), blueprint
                )
                stack.callback(database.end)
                return database

            yield at

    def _drop(self, name: str) -> None:
        if self._stock is not None:
            self._stock.give_back(name)
        else:
            yard = self._started()
            self.run(lambda: yard.drop(name))

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run *work* in the loop of the background thread, and wait for it.

        Interrupted: the work is cancelled.
        """
        self._started()
        assert self._portal is not None  # noqa: S101 - `_started` gave it
        done = self._portal.start_task_soon(work)
        try:
            return done.result()
        except BaseException:
            done.cancel()
            raise

    def explain(self, error: MigrationError) -> str:
        """What keeps a database from being there: all of it, and the next time less."""
        text = ErrorView().render(error)
        if text in self._told:
            fact = error.message.splitlines()[0].partition(";")[0]
            return f"no migrated database, as told before: {fact}"
        self._told.add(text)
        where = "" if error is self._failure else _DROPPED
        return text + where

    @property
    def settings(self) -> Settings:
        """Those of the migrations, without a database."""
        return self._wishes.settings

    @property
    def yard(self) -> Yard:
        """Where databases are made; for work that `run` does."""
        return self._started()

    def _dsn(self, name: str) -> Dsn:
        return Dsn(self._started().address.at_database(name))

    # ---- from the first question to the end

    def _started(self) -> Yard:
        if self._failure is not None:
            raise self._failure
        if self._yard is None:
            try:
                self._start()
            except MigrationError as error:
                self._failure = error
                raise
        assert self._yard is not None  # noqa: S101 - `_start` gave it
        return self._yard

    def _start(self) -> None:
        dsn = self._wishes.dsn or self._embedded()
        self._portal = self._stack.enter_context(
            start_blocking_portal("asyncio", name="asyncmigrate tests")
        )
        self._yard = yard = Yard(self._wishes, dsn)
        self._stack.callback(self._close_yard, self._portal, yard)
        self._portal.call(yard.open)

    def _embedded(self) -> str:
        wishes = self._wishes
        if wishes.broker is not None:
            dsn = ask_for_server(wishes.broker, wishes.postgres)
            if dsn is not None:
                return dsn
        server = self._stack.enter_context(EmbeddedPostgres(version=wishes.postgres))
        return server.dsn()

    def _started_stock(self) -> Stock:
        yard = self._started()
        if self._stock is None:
            blueprint = draw(self._wishes)

            async def make() -> Stock:
                return Stock(yard, blueprint, self._wishes.expected)

            self._stock = self.run(make)
        return self._stock

    def _close_yard(self, portal: BlockingPortal, yard: Yard) -> None:
        # Whatever is left the next session finds and drops.
        with suppress(MigrationError):
            if self._stock is not None:
                portal.call(self._stock.stop)
            portal.call(lambda: yard.close(sweep=not self._disposable))

    def close(self) -> None:
        """Drop what was made; end the server when it is ours."""
        self._line.end()
        self._stack.close()
