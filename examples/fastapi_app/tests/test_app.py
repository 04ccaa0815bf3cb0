"""The guest book on a real PostgreSQL, with the very migrations that it ships."""

import importlib
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from asyncmigrate.embedded import embedded_postgres


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    with embedded_postgres() as server:
        yield server.dsn()


@pytest.fixture
def client(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("DATABASE_URL", dsn)
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
