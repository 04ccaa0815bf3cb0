"""The registry: the rows of the table, each a function of the bench."""

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.results import Row
from benchmarks.scenarios import applying, command, start

SCENARIOS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "start": start.measure_start,
    "command": command.measure_command,
    "apply": applying.measure_apply,
}
