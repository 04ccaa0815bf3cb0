"""The library's call in a program: ``library.py DSN DIRECTORY up|down``."""

import asyncio
import json
import sys
import time

from asyncmigrate import migrate, rollback


async def main() -> None:
    dsn, directory, direction = sys.argv[1:]
    started = time.perf_counter()
    if direction == "up":
        await migrate(dsn, directory)
    else:
        await rollback(dsn, directory, target="0")
    print(json.dumps({"inside": time.perf_counter() - started}))


asyncio.run(main())
