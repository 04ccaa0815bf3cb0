"""Connect and close."""

import asyncio
import sys

import asyncpg


async def main() -> None:
    connection = await asyncpg.connect(sys.argv[1])
    await connection.close()


asyncio.run(main())
