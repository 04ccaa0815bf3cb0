"""Pauses that grow, with jitter, so that many who wait do not ask in step."""

import random
from collections.abc import Iterator


def pauses(
    first: float, cap: float, rng: random.Random | None = None
) -> Iterator[float]:
    """Seconds to pause, for ever: each between half and all of a doubling step.

    The first is at most *first*, none is above *cap*.
    """
    rng = rng or random.Random()  # noqa: S311 - spreading load, not secrets
    step = first
    while True:
        yield rng.uniform(step / 2, step)
        step = min(step * 2, cap)
