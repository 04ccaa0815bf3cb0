import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import fastapi
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from asyncmigrate.errors import (
    CheckFailed,
    ConflictsFound,
    InvalidSetting,
    InvalidUsage,
    MigrationFailed,
)
from asyncmigrate.events import Warned
from asyncmigrate.fastapi import Migrations, migrations_lifespan
from tests.kit.app import App

Make = Callable[..., Migrations]
TABLE = "CREATE TABLE users (id int);"


async def test_the_lifespan_migrates_before_the_application_serves(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)
    application = Starlette(lifespan=migrations().lifespan)

    async with application.router.lifespan_context(application):
        served = await app.database.tables()

    assert served == {"users"}


async def test_the_applications_own_lifespan_finds_a_current_database_and_keeps_its_state(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)
    told: list[object] = []

    @asynccontextmanager
    async def own(application: object) -> AsyncGenerator[dict[str, int]]:
        told.append(application)
        told.append(await app.database.tables())
        yield {"answer": 42}
        told.append("closed")

    application = fastapi.FastAPI(lifespan=migrations().around(own))
    async with application.router.lifespan_context(application) as state:
        told.append(state)

    assert told == [application, {"users"}, {"answer": 42}, "closed"]


async def test_a_migration_that_fails_keeps_the_application_from_starting(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users="SELECT 1 / 0;")
    entered: list[object] = []

    @asynccontextmanager
    async def own(application: object) -> AsyncGenerator[None]:
        entered.append(application)
        yield

    application = Starlette(lifespan=migrations().around(own))
    with pytest.raises(MigrationFailed, match="division by zero"):
        async with application.router.lifespan_context(application):
            pytest.fail("it serves")

    assert entered == []


async def test_the_function_is_the_same_in_one_line(app: App) -> None:
    app.add(_0001_users=TABLE)

    @asynccontextmanager
    async def own(_: object) -> AsyncGenerator[str]:
        yield "state"

    alone: Any = migrations_lifespan(app.dsn, str(app.files), namespace="alone")
    with_own = migrations_lifespan(app.dsn, str(app.files), mode="check", inner=own)
    async with alone(None):
        served = await app.database.tables()

    assert served == {"users"}
    with pytest.raises(CheckFailed):
        async with with_own(None):
            pytest.fail("it serves")


async def test_check_refuses_to_start_while_something_is_pending(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)
    checking = migrations(mode="check")

    with pytest.raises(CheckFailed, match="1 migration pending") as caught:
        await checking.start()
    untouched = await app.database.tables()
    await app.migrate()
    await checking.start()

    assert untouched == set()
    assert caught.value.hint == "apply them with `asyncmigrate migrate`"


async def test_check_refuses_to_start_over_an_edited_migration(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    app.add(_0001_users="CREATE TABLE users (id bigint);")

    with pytest.raises(CheckFailed, match="0001"):
        await migrations(mode="check").start()


async def test_wait_starts_when_somebody_else_has_migrated(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)

    waiting = asyncio.create_task(migrations(mode="wait").start())
    await asyncio.sleep(0.3)
    early = waiting.done()
    await app.migrate()
    await waiting

    assert not early
    assert [row["origin"] for row in await app.database.history()] == ["run"]


async def test_wait_applies_nothing_and_gives_up_in_time(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)

    with pytest.raises(CheckFailed, match="still pending"):
        await migrations(mode="wait", timeout=0.3).start()

    assert await app.database.tables() == set()


async def test_wait_needs_select_alone(app: App, migrations: Make) -> None:
    app.add(_0001_users=TABLE)
    role = await app.database.role()
    waiting = asyncio.create_task(
        migrations(mode="wait", dsn=app.database.dsn_of(role)).start()
    )

    await app.migrate(readers=[role])

    await asyncio.wait_for(waiting, 10)


@pytest.mark.parametrize("mode", ["apply", "wait", "check"])
async def test_a_database_that_is_ahead_is_a_warning(
    app: App, migrations: Make, mode: str
) -> None:
    app.add(_0001_users=TABLE, _0002_newer="SELECT 1;")
    await app.migrate()
    app.files.remove("0002_newer.sql")
    app.events.clear()

    await migrations(mode=mode).start()

    (warning,) = app.told(Warned)
    assert "0002" in warning


async def test_without_a_reader_the_logger_is_told(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    app.add(_0001_users=TABLE)
    caplog.set_level(logging.INFO, "asyncmigrate")

    await Migrations(app.dsn, str(app.files)).start()

    events = [vars(record)["event"] for record in caplog.records]
    assert "migration.applied" in events


async def test_files_that_disagree_with_the_history_keep_it_from_starting(
    app: App, migrations: Make
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    app.add(_0001_users="CREATE TABLE others (id int);")

    with pytest.raises(ConflictsFound):
        await migrations().start()


def test_wrong_modes_and_options_are_refused_when_the_application_is_built() -> None:
    with pytest.raises(InvalidUsage, match="no mode 'never'") as caught:
        Migrations("postgresql://app@localhost/app", mode="never")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InvalidSetting, match="lock_forever"):
        Migrations("postgresql://app@localhost/app", lock_forever=1)  # type: ignore[call-arg]  # on purpose

    assert caught.value.hint == "known: apply, wait, check"


def _fastapi_with_routes(migrations: Migrations) -> ASGIApp:
    return fastapi.FastAPI(routes=migrations.routes)


def _fastapi_with_more_routes(migrations: Migrations) -> ASGIApp:
    application = fastapi.FastAPI()
    application.router.routes.extend(migrations.routes)
    return application


def _fastapi_mounted(migrations: Migrations) -> ASGIApp:
    application = fastapi.FastAPI()
    application.mount("/", migrations.router)
    return application


def _starlette_mounted(migrations: Migrations) -> ASGIApp:
    async def home(_: Request) -> PlainTextResponse:
        return PlainTextResponse("home")

    return Starlette(routes=[Route("/", home), Mount("/", migrations.router)])


@pytest.mark.parametrize(
    "build",
    [
        _fastapi_with_routes,
        _fastapi_with_more_routes,
        _fastapi_mounted,
        _starlette_mounted,
    ],
)
async def test_the_routes_go_into_fastapi_and_starlette(
    app: App, migrations: Make, build: Callable[[Migrations], ASGIApp]
) -> None:
    app.add(_0001_users=TABLE)
    await app.migrate()
    used = migrations()

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build(used)), base_url="http://app"
    ) as client:
        answers = [
            (await client.get(path)).status_code
            for path in ("/health/migrations", "/migrations")
        ]
    await used.close()

    assert answers == [200, 200]
