"""The fault suite: `make chaos`, or ``python -m tests.chaos --seed 7 --scale 0.2``."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from asyncmigrate.embedded import embedded_postgres
from tests.chaos.faults import (
    Arena,
    Card,
    crowd,
    kill,
    restart,
    strike_until_done,
    terminate,
)

HEAD = """\
| fault | injected | runs | applied twice | lost | stuck locks | invalid indexes | leases left |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


async def run(seed: int, scale: float) -> bool:
    """Every scenario, one after the other; whether all of them came out clean."""
    cards = []
    with (
        tempfile.TemporaryDirectory() as place,
        embedded_postgres(settings={"max_connections": "300"}) as server,
    ):
        arena = Arena(server, Path(place), seed)
        for name, faults, strike in (
            ("kill -9 of the runner", 250, kill),
            ("session, keeper or both ended", 100, terminate),
            ("immediate restart of the server", 40, restart),
        ):
            card = Card(name)
            await strike_until_done(arena, card, max(2, round(faults * scale)), strike)
            cards.append(card)
        for name, rounds, kills in (
            ("50 runners at once", 3, False),
            ("50 at once, one killed every 100 ms", 2, True),
        ):
            card = Card(name)
            size = max(4, round(50 * min(1.0, scale)))
            await crowd(arena, card, max(1, round(rounds * scale)), size, kills=kills)
            cards.append(card)
    print(HEAD)
    for card in cards:
        print(card)
    return all(card.is_clean for card in cards)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    began = time.monotonic()
    clean = asyncio.run(run(given.seed, given.scale))
    print(f"\nseed {given.seed}, {time.monotonic() - began:.0f} s")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
