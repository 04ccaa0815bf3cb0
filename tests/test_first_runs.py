"""Two runs that find nothing and make the tracking tables at the same time."""

from typing import Any

import pytest

from asyncmigrate import migrate
from asyncmigrate._database import tables
from tests.kit.databases import Database


async def test_tables_that_another_first_run_makes_during_the_look_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.files.add("0001_users.sql", "CREATE TABLE users (id int);")
    ask = tables.existing_tables

    async def other_run_first(session: Any) -> Any:
        monkeypatch.setattr(tables, "existing_tables", ask)
        await migrate(database.dsn, str(database.files))
        return await ask(session)

    monkeypatch.setattr(tables, "existing_tables", other_run_first)

    report = await migrate(database.dsn, str(database.files))

    assert tuple(report) == ()
    assert [row["version"] for row in await database.history()] == ["0001"]
