"""The fault suite: ``make chaos``, ``python -m tests.chaos --seed 7 kills crowd``."""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.chaos import (
    crowds,
    disks,
    networks,
    searching,
    silences,
    sleeping,
    striking,
    writers,
)
from tests.chaos.arena import Arena, Scenario
from tests.chaos.runners import nursery
from tests.chaos.scores import Score, scorecard
from tests.kit import servers
from tests.kit.servers import Server

SCENARIOS: Mapping[str, Scenario] = {
    "kills": striking.kills,
    "signals": striking.signals,
    "sessions": striking.sessions,
    "restarts": striking.restarts,
    "sleepers": sleeping.sleepers,
    "networks": networks.networks,
    "silences": silences.silences,
    "crowd": crowds.crowd,
    "culled": crowds.culled,
    "tablespaces": disks.tablespaces,
    "disks": disks.disks,
    "writers": writers.writers,
    "model": searching.model,
    "files": searching.files,
}


async def run(names: Sequence[str], seed: int, scale: float) -> list[Score]:
    """One scenario after the other."""
    scores = []
    with tempfile.TemporaryDirectory() as place, servers.launch() as embedded:
        server = Server(embedded.dsn(), embedded.version * 10_000)
        async with nursery(Path(place)) as runners:
            arena = Arena(server, runners, Path(place), seed, scale)
            for name in names:
                score = Score(name)
                scores.append(score)
                began = time.monotonic()
                try:
                    await SCENARIOS[name](arena, score)
                except Exception:  # noqa: BLE001 - the others are still to be tried
                    score.blame("unexpected", traceback.format_exc())
                score.seconds = time.monotonic() - began
                _tell(score)
    return scores


def _tell(score: Score) -> None:
    """A line on standard error while it goes on, and what was wrong."""
    verdict = score.skipped or ("clean" if score.is_clean else "NOT CLEAN")
    exits = ", ".join(f"{code}: {n}" for code, n in sorted(score.exits.items()))
    print(
        f"{score.scenario}: {verdict}, {score.seconds:.0f} s; exits {exits or 'none'}",
        file=sys.stderr,
    )
    for remark in score.remarks[:20]:
        print(f"  {remark}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument(
        "--seed", type=int, default=1, help="another one, other moments"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="1 takes ten minutes")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    given = parser.parse_args()
    unknown = set(given.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(
            f"no scenarios: {', '.join(unknown)}; there are {', '.join(SCENARIOS)}"
        )
    began = time.monotonic()
    scores = asyncio.run(
        run(given.scenarios or list(SCENARIOS), given.seed, given.scale)
    )
    print(scorecard(scores))
    for score in scores:
        for note in score.notes:
            print(f"\n{score.scenario}: {note}")
    print(
        f"\nseed {given.seed}, scale {given.scale:g}, {time.monotonic() - began:.0f} s"
    )
    return 0 if all(score.is_clean for score in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
