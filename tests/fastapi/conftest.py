from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from asyncmigrate.fastapi import Migrations
from tests.kit.app import App
from tests.kit.databases import Database

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def app(database: Database) -> App:
    return App(database)


@pytest.fixture
def migrations(app: App) -> Callable[..., Migrations]:
    """Of this test's database and directory; makes nothing by itself."""

    def make(**options: Any) -> Migrations:
        own = {"dsn": app.dsn, "directory": str(app.files)}
        return Migrations(**{**own, "on_event": app.events.append, **options})

    return make


@pytest.fixture
def client() -> Serve:
    """A client of a Starlette application with nothing but these routes."""

    @asynccontextmanager
    async def serve(migrations: Migrations) -> AsyncGenerator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(Starlette(routes=migrations.routes))
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://app"
            ) as client:
                yield client
        finally:
            await migrations.close()

    return serve
