"""What was measured, as values that are kept as JSON: rows of series, each with aims."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from benchmarks.measuring import Measured, median, ratios

OURS = "asyncmigrate"


class Verdict(StrEnum):
    """What became of an aim."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a figure has to be: a share of others', or a number."""

    text: str
    of: str
    than: tuple[str, ...] | None = None
    """Whose figure it is a share of, of several the one that makes it hardest; null
    for a number."""
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An aim, and what it came to."""

    text: str
    verdict: Verdict
    figure: float | None
    limit: float
    hardest: str | None = None
    """Whose figure was nearest to the limit, where it is a ratio."""
    beside: int = 0
    """How many it was held against."""
    without: tuple[str, ...] = ()
    """Who else it is about, and has no figure."""

    @property
    def reach(self) -> str:
        """What the verdict leaves out; empty when that is nobody."""
        if self.figure is None or not self.without:
            return ""
        all_of_them = self.beside + len(self.without)
        names = ", ".join(self.without)
        return f", of {self.beside} of {all_of_them}; without {names}"


@dataclass(slots=True, kw_only=True)
class Series:
    """One figure of several contenders."""

    key: str
    """Names it in the JSON document and in the plots' file names."""
    title: str
    unit: str = "ms"
    reference: str
    """Whose figure the others are given as multiples of."""
    values: dict[str, list[float | None]]
    """In `unit`, by contender, one for each round; null where it sat out."""
    absent: dict[str, str] = field(default_factory=dict)
    """Who is not in `values`, and why."""
    aims: Sequence[Aim] = ()

    def ratio(self, name: str, reference: str | None = None) -> float | None:
        """The median of the pairs' ratios."""
        pairs = self.pairs(name, reference)
        return median(pairs) if pairs else None

    def pairs(self, name: str, reference: str | None = None) -> list[float]:
        """The ratio in each round in which both took part."""
        other = self.values.get(reference or self.reference)
        mine = self.values.get(name)
        return [] if mine is None or other is None else ratios(mine, other)

    def judge(self, aim: Aim) -> Judged:
        """Whether an aim is met."""
        limit = aim.at_most if aim.at_most is not None else aim.at_least or 0.0
        ratios = self._ratios(aim)
        figure, hardest = self._figure(aim, ratios)
        if figure is None:
            verdict = Verdict.UNKNOWN
        elif aim.at_most is not None:
            verdict = Verdict.MET if figure <= aim.at_most else Verdict.MISSED
        else:
            verdict = Verdict.MET if figure >= limit else Verdict.MISSED
        return Judged(
            text=aim.text,
            verdict=verdict,
            figure=figure,
            limit=limit,
            hardest=hardest,
            beside=len(ratios),
            without=tuple(name for name in aim.than or () if name not in ratios),
        )

    def _ratios(self, aim: Aim) -> dict[str, float]:
        """Of those that the aim is about, as far as they have figures."""
        return {
            name: ratio
            for name in aim.than or ()
            if (ratio := self.ratio(aim.of, name)) is not None
        }

    def _figure(
        self, aim: Aim, found: Mapping[str, float]
    ) -> tuple[float | None, str | None]:
        if aim.of in self.values and aim.than is None:
            return median(self.values[aim.of]), None
        if not found:
            return None, None
        hardest = max if aim.at_most is not None else min
        worst = hardest(found, key=lambda name: found[name])
        return found[worst], worst


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of the table of aims."""

    number: int
    title: str
    series: list[Series]
    facts: dict[str, str] = field(default_factory=dict)
    """When it was measured, of which commit, how busy the machine was."""


def series_of(  # noqa: PLR0913 - each one is a keyword
    measured: Measured,
    figure: str,
    *,
    key: str,
    title: str,
    reference: str,
    unit: str = "ms",
    absent: Mapping[str, str] | None = None,
    aims: Sequence[Aim] = (),
) -> Series:
    """The series of one figure. Seconds become milliseconds, bytes megabytes."""
    scale = {"ms": 1e3, "MB": 1e-6}.get(unit, 1.0)
    return Series(
        key=key,
        title=title,
        unit=unit,
        reference=reference,
        values={
            name: [None if value is None else value * scale for value in column]
            for name, column in measured.of(figure).items()
        },
        absent={**(absent or {}), **measured.failures},
        aims=aims,
    )


def document(
    rows: Sequence[Row],
    *,
    scale: str,
    machine: Mapping[str, str],
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything, for JSON; rows that were not measured now are those of *before*."""
    kept = {} if before is None else {row["number"]: row for row in before["rows"]}
    new = {row.number: asdict(row) for row in rows}
    merged = {**kept, **new}
    return {
        "scale": scale,
        "machine": dict(machine),
        "rows": [merged[number] for number in sorted(merged)],
    }


def read(found: Mapping[str, Any]) -> list[Row]:
    """The rows of such a document."""
    return [
        Row(**{**row, "series": [_series(series) for series in row["series"]]})
        for row in found["rows"]
    ]


def _series(found: Mapping[str, Any]) -> Series:
    return Series(**{**found, "aims": [_aim(aim) for aim in found["aims"]]})


def _aim(found: Mapping[str, Any]) -> Aim:
    than = found["than"]
    return Aim(**{**found, "than": None if than is None else tuple(than)})
