"""The bare loop: ``loop.py DSN SCRIPTS up|down``; a transaction, the script, a row.

No lock, no lease, no checksum, no check of anything.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import asyncpg

HISTORY = "CREATE TABLE IF NOT EXISTS history (version text PRIMARY KEY)"
RECORD = "INSERT INTO history (version) VALUES ($1)"
FORGET = "DELETE FROM history WHERE version = $1"


async def run(dsn: str, changes: list[dict[str, str]], direction: str) -> None:
    note = RECORD if direction == "up" else FORGET
    started = time.perf_counter()
    connection = await asyncpg.connect(dsn)
    await connection.execute(HISTORY)
    for change in changes:
        async with connection.transaction():
            await connection.execute(change[direction])
            await connection.execute(note, change["version"])
    await connection.close()
    print(json.dumps({"inside": time.perf_counter() - started}))


def main() -> None:
    dsn, scripts, direction = sys.argv[1:]
    changes = json.loads(Path(scripts).read_bytes())
    if direction == "down":
        changes.reverse()
    asyncio.run(run(dsn, changes, direction))


main()
