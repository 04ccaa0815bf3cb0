"""Interleaved runs: in each round every contender runs once, so that all of them meet
the machine's moods alike; ratios are taken within a round, pair by pair.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Figures = Mapping[str, float]
"""What one run measured: each figure by its name, seconds unless its name says else."""


class Failed(Exception):
    """A contender's run ended in an error; it has no figures."""

    def __init__(self, program: str, how: str, output: str) -> None:
        super().__init__(f"{program} {how}: {output}")


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the job."""

    name: str
    run: Callable[[], Figures]
    """One run; it prepares and tidies up outside of what it times."""
    is_ours: bool = False
    """Ours and the limits may not fail: then the benchmark does."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often, and for how long at most."""

    count: int
    seconds: float
    """Of all contenders together; ours and the limits have one half of it, the peers
    the other. Who has used up its share of that sits out what is left, so that a slow
    one costs only its own rounds. Everybody has one."""
    warm_up: bool = True
    """One run of each before, which fills caches and is not counted."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of some contenders."""

    figures: dict[str, list[Figures | None]]
    """By contender, one for each round; null where it sat out."""
    failures: dict[str, str]

    def of(self, figure: str) -> dict[str, list[float | None]]:
        """One figure's values by contender, of those who have it."""
        values = {
            name: [None if run is None else run.get(figure) for run in runs]
            for name, runs in self.figures.items()
        }
        return {
            name: column
            for name, column in values.items()
            if any(value is not None for value in column)
        }


def measure(contenders: Sequence[Contender], rounds: Rounds) -> Measured:
    """Run all of them, round by round, each round beginning with another one."""
    figures: dict[str, list[Figures | None]] = {one.name: [] for one in contenders}
    failures: dict[str, str] = {}
    spent = dict.fromkeys(figures, 0.0)
    shares = _shares(contenders, rounds.seconds)
    first = 0 if rounds.warm_up else 1
    for number in range(first, rounds.count + 1):
        shift = number % max(1, len(contenders))
        for one in [*contenders[shift:], *contenders[:shift]]:
            if one.name in failures or (
                number > 1 and spent[one.name] > shares[one.name]
            ):
                figures[one.name].append(None)
                continue
            _say(f"\r\x1b[K  {number}/{rounds.count} {one.name}")
            started = time.monotonic()
            try:
                run = one.run()
            except Failed as failure:
                if one.is_ours:
                    raise
                failures[one.name] = str(failure)
                continue
            if number > 0:
                spent[one.name] += time.monotonic() - started
                figures[one.name].append(run)
    _say("\r\x1b[K")
    return Measured({k: v for k, v in figures.items() if k not in failures}, failures)


def _shares(contenders: Sequence[Contender], seconds: float) -> dict[str, float]:
    """How much of the time is whose."""
    ours = sum(one.is_ours for one in contenders)
    peers = len(contenders) - ours
    half = seconds / 2 if ours and peers else seconds
    return {one.name: half / (ours if one.is_ours else peers) for one in contenders}


def median(values: Sequence[float | None]) -> float:
    """The median of the rounds that it took part in."""
    return statistics.median(value for value in values if value is not None)


def ratios(
    values: Sequence[float | None], reference: Sequence[float | None]
) -> list[float]:
    """The ratios of the rounds in which both took part."""
    return [
        value / other
        for value, other in zip(values, reference, strict=False)
        if value is not None and other is not None and other > 0
    ]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """What the middle half of the values lies between."""
    if len(values) < 3:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(text, end="", file=sys.stderr, flush=True)
