"""The engine against its model; more of it is ``python -m tests.chaos model``."""

from pathlib import Path

from tests.chaos.searching import try_sequences
from tests.kit.invariants import invariant
from tests.kit.servers import Server


@invariant("I1", "I2", "I8", "I12")
def test_whatever_people_do_in_whatever_order_is_done_or_refused_as_the_model_says(
    server: Server, tmp_path: Path
) -> None:
    bench = try_sequences(server, tmp_path, examples=6, steps=14)

    assert bench.runs
