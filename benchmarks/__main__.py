"""``python -m benchmarks``: measure, print the table, keep the results."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.bench import FULL, QUICK, TINY, Bench
from benchmarks.machine import describe
from benchmarks.peers import install
from benchmarks.results import Row, document
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Servers

SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}
CACHE = Path(__file__).parent.parent / ".cache" / "bench"


def main() -> int:
    """Measure what was asked for."""
    options = _options()
    scale = SCALES["quick" if options.quick else options.scale]
    peers, absent = install(CACHE / "peers") if options.peers else ([], {})
    rows: list[Row] = []
    facts = describe()
    with (
        tempfile.TemporaryDirectory(prefix="asyncmigrate-bench-") as folder,
        Servers() as servers,
        asyncio.Runner() as runner,
    ):
        Path(folder).chmod(0o755)
        bench = Bench(
            scale=scale,
            servers=servers,
            peers=peers,
            absent=absent,
            folder=Path(folder),
            runner=runner,
        )
        for name in options.scenarios or SCENARIOS:
            started = time.monotonic()
            found = SCENARIOS[name](bench)
            rows += found
            print(report.text(found), flush=True)
            took = time.monotonic() - started
            print(f"({name}: {took:.0f} s)\n", file=sys.stderr, flush=True)
    result = document(rows, scale=scale.name, facts=[facts, describe()])
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument(
        "--no-peers",
        dest="peers",
        action="store_false",
        help="only ours and the limits",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=CACHE / "results.json",
        help="where the raw results are kept, as JSON [%(default)s]",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
