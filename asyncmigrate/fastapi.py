"""Migrations at the start of a FastAPI or Starlette application, and how they stand.

::

    migrations = Migrations("postgresql://app@localhost/app")
    app = FastAPI(lifespan=migrations.lifespan, routes=migrations.routes)

Written on Starlette's types, so that both work; the extra ``asyncmigrate[fastapi]``
brings Starlette alone.
"""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Unpack, get_args

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route, Router

from asyncmigrate._api import (
    Directory,
    Options,
    StatusProbe,
    read_status,
    run_migrate,
    run_wait,
    settings_of,
)
from asyncmigrate._readers.document import document, dump, status_keys
from asyncmigrate._readers.logs import LoggerReader
from asyncmigrate._readers.page import render_failure, render_page
from asyncmigrate._readers.page_style import POLICY
from asyncmigrate._readers.text import plural
from asyncmigrate.errors import CheckFailed, InvalidUsage, MigrationError
from asyncmigrate.events import Emit, Warned
from asyncmigrate.results import Status

if TYPE_CHECKING:
    from asyncpg.pool import Pool
    from starlette.requests import Request

__all__ = ["Migrations", "Mode", "migrations_lifespan"]

App = TypeVar("App")
Mode = Literal["apply", "wait", "check"]
"""What a start does about pending migrations: apply them, wait for whoever does, or
refuse to start."""

_SECURITY: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Migrations:
    """The migrations of one application: at its start, and for its probes."""

    def __init__(  # noqa: PLR0913 - each one is a keyword with a default
        self,
        dsn: str | None = None,
        directory: Directory = "migrations",
        *,
        mode: Mode = "apply",
        timeout: float = 300.0,
        on_event: Emit | None = None,
        pool: "Callable[[], Pool[Any]] | None" = None,
        probe_limit: float = 2.0,
        **options: Unpack[Options],
    ) -> None:
        """Remember all of it; nothing is opened yet.

        Args:
            dsn: URL of the database; what it leaves out comes from ``PG*`` variables.
            directory: a path, ``package:myapp/migrations``, or a sequence of them.
            mode: what a start does about pending migrations.
            timeout: seconds that ``mode="wait"`` waits.
            on_event: told every event; without it the logger ``asyncmigrate`` is.
            pool: gives the application's pool, from which a probe borrows a connection;
                without it the probes of a process share one of their own.
            probe_limit: seconds that a probe waits for the database.
            options: any setting, by its name; see `asyncmigrate.Settings`.

        Raises:
            InvalidUsage: there is no such mode.
            InvalidSetting: an option does not exist, or not with that value.
        """
        if mode not in get_args(Mode):
            message = f"there is no mode {mode!r}"
            raise InvalidUsage(message, hint=f"known: {', '.join(get_args(Mode))}")
        self._settings = settings_of(dsn, directory, options)
        self._mode = mode
        self._timeout = timeout
        self._emit = on_event or LoggerReader(logging.getLogger("asyncmigrate"))
        self._probe = StatusProbe(self._settings, pool=pool, limit=probe_limit)

    async def start(self) -> None:
        """Do at a start what the mode says; a database that is ahead is a warning.

        Waits:
            With ``apply`` up to ``lock_wait`` seconds for another process that
            migrates; with ``wait`` up to ``timeout``.

        Cancellation:
            As `asyncmigrate.migrate`.

        Raises:
            CheckFailed: something is pending (``check``), or still is (``wait``).
            MigrationError: see `asyncmigrate.errors` for the whole tree.
        """
        if self._mode == "apply":
            await run_migrate(self._settings, emit=self._emit)
            return
        if self._mode == "wait":
            status = await run_wait(
                self._settings, timeout=self._timeout, emit=self._emit
            )
        else:
            status = await read_status(self._settings)
        for warning in status.warnings:
            self._emit(Warned(message=warning))
        error = _unwell(status)
        if error is not None:
            raise error

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncGenerator[None]:  # noqa: ARG002 - Starlette's signature
        """A lifespan: `start` before the application serves, `close` after it."""
        await self.start()
        try:
            yield
        finally:
            await self.close()

    def around(
        self, inner: Callable[[App], AbstractAsyncContextManager[Any]]
    ) -> Callable[[App], AbstractAsyncContextManager[Any]]:
        """A lifespan with the application's own inside: it finds a current database."""

        @asynccontextmanager
        async def both(app: App) -> AsyncGenerator[Any]:
            async with self.lifespan(app), inner(app) as state:
                yield state

        return both

    async def close(self) -> None:
        """Close the connection that the probes share."""
        await self._probe.close()

    @property
    def routes(self) -> list[BaseRoute]:
        """``/health/migrations`` for probes, ``/migrations`` for people."""
        return [
            Route("/health/migrations", self.health, include_in_schema=False),
            Route("/migrations", self.page, include_in_schema=False),
        ]

    @property
    def router(self) -> Router:
        """The same to be mounted under a path of its own."""
        return Router(self.routes)

    async def health(self, request: "Request") -> Response:  # noqa: ARG002 - Starlette's signature
        """200 when all is well and nothing pending, else 503; the status as JSON."""
        status: Status | None = None
        error: MigrationError | None
        try:
            status = await self._probe.look()
            error = _unwell(status)
        except MigrationError as failure:
            error = failure
        body = document(
            "status",
            ok=error is None,
            namespace=self._settings.namespace,
            warnings=status.warnings if status else (),
            error=error,
            more=status_keys(status) if status else None,
        )
        return Response(
            dump(body),
            200 if error is None else 503,
            {"Cache-Control": "no-store"},
            "application/json",
        )

    async def page(self, request: "Request") -> Response:  # noqa: ARG002 - Starlette's signature
        """The status for people: a page without script, style or image from elsewhere."""
        now = datetime.now(UTC)
        try:
            status = await self._probe.look()
        except MigrationError as error:
            text = render_failure(error, namespace=self._settings.namespace, at=now)
            return HTMLResponse(text, 503, _SECURITY)
        return HTMLResponse(render_page(status, at=now), 200, _SECURITY)


def migrations_lifespan(  # noqa: PLR0913 - each one is a keyword with a default
    dsn: str | None = None,
    directory: Directory = "migrations",
    *,
    inner: Callable[[App], AbstractAsyncContextManager[Any]] | None = None,
    mode: Mode = "apply",
    timeout: float = 300.0,
    on_event: Emit | None = None,
    **options: Unpack[Options],
) -> Callable[[App], AbstractAsyncContextManager[Any]]:
    """A lifespan that migrates, with the application's own inside; see `Migrations`."""
    migrations = Migrations(
        dsn, directory, mode=mode, timeout=timeout, on_event=on_event, **options
    )
    return migrations.lifespan if inner is None else migrations.around(inner)


def _unwell(status: Status) -> CheckFailed | None:
    if status.healthy:
        return None
    reasons = []
    if status.pending:
        reasons.append(f"{plural(status.pending, 'migration')} pending")
    reasons += status.problems
    message = "; ".join(reasons) or "not every migration stands applied"
    return CheckFailed(message, hint="apply them with `asyncmigrate migrate`")
