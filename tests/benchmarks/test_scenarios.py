"""Each scenario runs, at a tiny scale and without peers; how long it takes is no claim."""

import asyncio
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from benchmarks.bench import TINY, Bench
from benchmarks.report import text
from benchmarks.results import document, read
from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import Servers


@pytest.fixture(scope="module")
def servers() -> Generator[Servers]:
    with Servers() as servers:
        yield servers


@pytest.mark.timeout(180)  # some start dozens of processes
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_measures_all_that_it_compares(
    name: str, servers: Servers, tmp_path: Path
) -> None:
    with asyncio.Runner() as runner:
        bench = Bench(
            scale=TINY,
            servers=servers,
            peers=[],
            absent={"a peer": "not installed"},
            folder=tmp_path,
            runner=runner,
            programs=Path(sys.executable).parent,
        )

        rows = SCENARIOS[name](bench)

    assert rows
    for series in (series for row in rows for series in row.series):
        assert series.reference in series.values
        assert all(
            isinstance(value, float)
            for values in series.values.values()
            for value in values
        )
    printed = text(rows)
    assert printed == text(read(document(rows, scale="tiny", machine={})))
