"""The registry: the rows of the table, each a function of the bench."""

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.results import Row
from benchmarks.scenarios import (
    applying,
    command,
    databases,
    latency,
    many,
    memory,
    scanner,
    start,
    version,
)

SCENARIOS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "start": start.measure_start,
    "command": command.measure_command,
    "apply": applying.measure_apply,
    "many": many.measure_many,
    "databases": databases.measure_databases,
    "memory": memory.measure_memory,
    "latency": latency.measure_latency,
    "version": version.measure_version,
    "scanner": scanner.measure_scanner,
}
