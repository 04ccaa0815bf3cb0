"""A guest book: FastAPI on asyncpg, its database migrated before it serves.

The start migrates, or waits for the process that does; so any number of workers and
replicas may start at once. Then the application's own lifespan opens its pool.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, Field

from asyncmigrate.fastapi import Migrations

DSN = os.environ["DATABASE_URL"]
MIGRATIONS = Path(__file__).parent / "migrations"


class Entry(BaseModel):
    """What a guest writes."""

    author: str = Field(min_length=1, max_length=100)
    text: str = Field(min_length=1, max_length=2000)


@asynccontextmanager
async def pool_of(app: FastAPI) -> AsyncIterator[None]:
    """The application's own lifespan: it finds every table in place."""
    async with asyncpg.create_pool(DSN, min_size=1, max_size=5) as pool:
        app.state.pool = pool
        yield


migrations = Migrations(
    DSN,
    MIGRATIONS,
    mode=os.environ.get("MIGRATIONS", "apply"),
    pool=lambda: app.state.pool,
)
app = FastAPI(lifespan=migrations.around(pool_of), routes=migrations.routes)


def pool(request: Request) -> asyncpg.Pool:
    """The pool, as a dependency."""
    return request.app.state.pool


@app.get("/entries")
async def entries(pool: Annotated[asyncpg.Pool, Depends(pool)]) -> list[dict[str, Any]]:
    """The newest hundred entries."""
    rows = await pool.fetch(
        "SELECT id, author, text, written_at FROM entries ORDER BY id DESC LIMIT 100"
    )
    return [dict(row) for row in rows]


@app.post("/entries", status_code=201)
async def write(
    entry: Entry, pool: Annotated[asyncpg.Pool, Depends(pool)]
) -> dict[str, int]:
    """Keep an entry."""
    number = await pool.fetchval(
        "INSERT INTO entries (author, text) VALUES ($1, $2) RETURNING id",
        entry.author,
        entry.text,
    )
    return {"id": number}
