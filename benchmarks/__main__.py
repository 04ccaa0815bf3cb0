"""``python -m benchmarks``: measure, print the table, keep the results."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine, ours, publishing, report
from benchmarks.bench import FULL, QUICK, TINY, Bench
from benchmarks.peers import install
from benchmarks.results import Row, document
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Servers

SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}
CACHE = Path(__file__).parent.parent / ".cache" / "bench"


def main() -> int:
    """Measure what was asked for."""
    options = _options()
    if not options.only_publish:
        _measure(options)
    if options.publish or options.only_publish:
        kept = _kept(options.results)
        if kept is None:
            print(f"there are no results in {options.results}", file=sys.stderr)
            return 1
        publishing.publish(kept)
    return 0


def _measure(options: argparse.Namespace) -> None:
    scale = SCALES["quick" if options.quick else options.scale]
    peers, absent = install(CACHE / "peers") if options.peers else ([], {})
    # The smallest scale is for the tests of the suite itself.
    here = Path(sys.executable).parent
    programs = here if scale is TINY else ours.install(CACHE / "ours")
    before = _kept(options.results) if options.keep else None
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="asyncmigrate-bench-") as folder,
        Servers() as servers,
        asyncio.Runner() as runner,
    ):
        bench = Bench(
            scale=scale,
            servers=servers,
            peers=peers,
            absent=absent,
            folder=Path(folder),
            runner=runner,
            programs=programs,
        )
        facts = machine.describe(servers.memory.postgres.version, programs)
        for name in options.scenarios or SCENARIOS:
            rows += _scenario(bench, name, facts)
            # After each one: what was measured is not lost with what comes later.
            found = document(rows, scale=scale.name, machine=facts, before=before)
            _keep(options.results, found)


def _scenario(bench: Bench, name: str, facts: Mapping[str, str]) -> list[Row]:
    started, load = time.monotonic(), machine.load()
    found = SCENARIOS[name](bench)
    for row in found:
        row.facts = {
            "at": machine.now(),
            "asyncmigrate": machine.commit(),
            "scale": bench.scale.name,
            "before": load,
            "after": machine.load(),
            **facts,
        }
    print(report.text(found), flush=True)
    took = time.monotonic() - started
    print(f"({name}: {took:.0f} s)\n", file=sys.stderr, flush=True)
    return found


def _kept(results: Path) -> dict[str, Any] | None:
    if not results.exists():
        return None
    found: dict[str, Any] = json.loads(results.read_text("utf-8"))
    return found


def _keep(results: Path, found: dict[str, Any]) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure asyncmigrate beside its peers and the physical limits.",
    )
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="NAME",
        help=f"one of {', '.join(SCENARIOS)}; all of them without any",
    )
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
        help="where every run is kept, as JSON [%(default)s]",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep the rows that are not measured now"
    )
    parser.add_argument(
        "--publish", action="store_true", help="write the results into docs/"
    )
    parser.add_argument(
        "--only-publish", action="store_true", help="the same, and measure nothing"
    )
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}: {', '.join(SCENARIOS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
