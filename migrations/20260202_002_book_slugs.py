"""Give every book a slug: what SQL alone would do badly, Python does in a line."""

import re
import unicodedata

import asyncpg


def slug(title: str) -> str:
    """*title* as it stands in an address: ``Pride & Prejudice``, pride-prejudice."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


async def up(connection: asyncpg.Connection) -> None:
    """Add the column, fill it, and only then demand it."""
    await connection.execute("ALTER TABLE books ADD COLUMN slug text")
    books = await connection.fetch("SELECT id, title FROM books")
    await connection.executemany(
        "UPDATE books SET slug = $2 WHERE id = $1",
        [(book["id"], slug(book["title"])) for book in books],
    )
    await connection.execute(
        "ALTER TABLE books ALTER COLUMN slug SET NOT NULL;"
        "ALTER TABLE books ADD CONSTRAINT books_slug_key UNIQUE (slug)"
    )


async def down(connection: asyncpg.Connection) -> None:
    """Drop the column, its constraint with it."""
    await connection.execute("ALTER TABLE books DROP COLUMN slug")
