"""A migration that stays under way for as long as a test wants it to."""

from pathlib import Path

WAITS = """
import asyncio, pathlib

async def up(connection):
    {before}
    while not pathlib.Path({flag!r}).exists():
        await asyncio.sleep(0.02)
"""


def until_there(flag: Path, before: str = "SELECT 1") -> str:
    """The text of a Python migration: runs a statement, then waits for a file."""
    return WAITS.format(before=f"await connection.execute({before!r})", flag=str(flag))
