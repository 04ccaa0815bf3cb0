"""The floor: import asyncpg, connect, ask one query."""

import asyncio
import sys

import asyncpg


async def main() -> None:
    connection = await asyncpg.connect(sys.argv[1])
    await connection.fetchval("SELECT version()")
    await connection.close()


asyncio.run(main())
