"""The guest book on a real PostgreSQL, with the very migrations that it ships."""

import importlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from asyncmigrate.testing import *  # noqa: F403 - the tests of the migrations
from asyncmigrate.testing import MigrationAt


@pytest.fixture
def client(migrated_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("DATABASE_URL", migrated_dsn)
    application = importlib.reload(importlib.import_module("app")).app
    with TestClient(application) as client:
        yield client


def test_an_entry_is_kept(client: TestClient) -> None:
    written = client.post("/entries", json={"author": "Ada", "text": "Hello"})

    entries = client.get("/entries").json()

    assert written.status_code == 201
    assert [entry["text"] for entry in entries] == ["Hello", "Welcome."]


def test_it_is_ready_once_it_serves(client: TestClient) -> None:
    assert client.get("/health/migrations").status_code == 200
    assert "up to date" in client.get("/migrations").text


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_the_welcome_comes_to_a_book_that_has_entries(
    migration_at: MigrationAt,
) -> None:
    book = migration_at("0002")
    await book.connection.execute(
        "INSERT INTO entries (author, text) VALUES ('Ada', 'First')"
    )

    await book.step()

    rows = await book.connection.fetch("SELECT text FROM entries ORDER BY id")
    assert [row["text"] for row in rows] == ["First", "Welcome."]
