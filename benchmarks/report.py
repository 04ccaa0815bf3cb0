"""The table: of each series the medians, the ratios and what became of the aims."""

from collections.abc import Iterator, Sequence

from benchmarks.measuring import median, quartiles
from benchmarks.results import Judged, Row, Series, Verdict

MARKS = {Verdict.MET: "+", Verdict.MISSED: "-", Verdict.UNKNOWN: "?"}


def text(rows: Sequence[Row]) -> str:
    """For a terminal."""
    return "\n".join(line for row in rows for line in _row(row))


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def sentence(judged: Judged, unit: str) -> str:
    """An aim, its verdict, and the figure."""
    if judged.figure is None:
        return f"{judged.text}: {judged.verdict}"
    figure = f"{judged.figure:.2f} x" if judged.hardest else number(judged.figure)
    of = f" of {judged.hardest}" if judged.hardest else f" {unit}"
    return f"{judged.text}: {judged.verdict}{judged.reach}; {figure}{of}"


def _row(row: Row) -> Iterator[str]:
    yield f"{row.number}. {row.title}"
    for series in row.series:
        yield from _series(series)
    yield ""


def _series(series: Series) -> Iterator[str]:
    yield f"  {series.title} ({series.unit}; ratio to {series.reference})"
    order = sorted(series.values, key=lambda name: median(series.values[name]))
    for name in order:
        values = [value for value in series.values[name] if value is not None]
        low, high = quartiles(values)
        ratio = series.ratio(name)
        share = "" if ratio is None else f"{ratio:8.2f} x"
        spread = f"{number(low)} to {number(high)}"
        yield (
            f"    {name:<36}{number(median(values)):>10}{share:>11}"
            f"  {spread:>20}  {len(values)} runs"
        )
    for name, reason in series.absent.items():
        yield f"    {name:<36}{'missing':>10}  {reason}"
    for aim in series.aims:
        judged = series.judge(aim)
        yield f"    {MARKS[judged.verdict]} {sentence(judged, series.unit)}"
