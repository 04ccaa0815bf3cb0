"""The results as pages of the documentation: the table of aims, figures, pictures."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import median, quartiles
from benchmarks.plots import can_be_drawn, svg
from benchmarks.report import number
from benchmarks.results import Judged, Row, Series, Verdict, read

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"
FOLDER = DOCS / "performance"
BEGIN = "<!-- The table is written by `make bench BENCH=--publish`. -->"
END = "<!-- The end of what is written by it. -->"
WORDS = {
    Verdict.MET: "met",
    Verdict.MISSED: "**missed**",
    Verdict.UNKNOWN: "not measured",
}

HEAD = """\
---
orphan: true
---

# All figures

Medians, and what the middle half of the runs lies between; a ratio is the median of the \
pairs' ratios, round by round. Written by `make bench BENCH=--publish`; how it is \
measured is told in [performance](../performance.md), and every single run is in \
`results.json` beside this page."""


def publish(found: Mapping[str, Any]) -> None:
    """Write them into the pages."""
    rows = read(found)
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    for row in rows:
        for series in row.series:
            if can_be_drawn(series):
                picture = svg(series, f"{_capital(row.title)}: {series.title}")
                (FOLDER / f"{series.key}.svg").write_text(picture, encoding="utf-8")
    (FOLDER / "figures.md").write_text(_figures(rows), encoding="utf-8")
    results = json.dumps(found, separators=(",", ":")) + "\n"
    (FOLDER / "results.json").write_text(results, encoding="utf-8")
    page = PAGE.read_text("utf-8")
    where = _where(rows, found["machine"])
    table = "\n".join([BEGIN, "", where, "", *_aims(rows), "", END])
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    PAGE.write_text(between.sub(lambda _: table, page), encoding="utf-8")


def _where(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """What all rows were measured on; rows that were kept may be of another time."""
    told = {_machine(row.facts) for row in rows if row.facts}
    if len(told) > 1:
        return (
            "Not all of it was measured at one time, or on one machine: each row says"
            " [when, on what and of which commit](performance/figures.md)."
        )
    return f"Measured on {next(iter(told), None) or _machine(machine)}."


def _machine(facts: Mapping[str, str]) -> str:
    if "processors" not in facts:
        return ""
    return (
        f"{facts['processors']}, {facts['system']}, Python"
        f" {facts['python']}, asyncpg {facts['asyncpg']}, typer {facts['typer']},"
        f" PostgreSQL {facts['postgres']}"
    )


def _aims(rows: Sequence[Row]) -> Iterator[str]:
    yield "| # | what | aim | | measured |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows:
        for series in row.series:
            for aim in series.aims:
                judged = series.judge(aim)
                yield (
                    f"| {row.number} | {row.title}: {series.title} | {aim.text}"
                    f" | {WORDS[judged.verdict]}{judged.reach}"
                    f" | {_measured(judged, series)} |"
                )


def _measured(judged: Judged, series: Series) -> str:
    if judged.figure is None:
        return ""
    if judged.hardest is None:
        return f"{number(judged.figure)} {series.unit}"
    return f"{number(judged.figure)} x {judged.hardest}"


def _figures(rows: Sequence[Row]) -> str:
    return "\n".join([HEAD, *(line for row in rows for line in _row(row)), ""])


def _row(row: Row) -> Iterator[str]:
    yield ""
    yield f"## {row.number}. {_capital(row.title)}"
    if row.facts:
        yield ""
        yield (
            f"{row.facts['at']}, `{row.facts['scale']}` scale, commit"
            f" `{row.facts['asyncmigrate']}`, load of the machine before and after:"
            f" {row.facts['before']}; {row.facts['after']}."
        )
        if machine := _machine(row.facts):
            yield f"On {machine}."
    for series in row.series:
        yield from _series(series)


def _series(series: Series) -> Iterator[str]:
    yield ""
    yield f"### {_capital(series.title)}"
    yield ""
    if can_be_drawn(series):
        yield f"![{series.title}]({series.key}.svg)"
        yield ""
    yield f"| | {series.unit} | middle half | x {series.reference} | runs |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name in sorted(series.values, key=lambda name: median(series.values[name])):
        values = [value for value in series.values[name] if value is not None]
        low, high = quartiles(values)
        ratio = series.ratio(name)
        share = "" if ratio is None else number(ratio)
        yield (
            f"| {name} | {number(median(values))} | {number(low)} to {number(high)}"
            f" | {share} | {len(values)} |"
        )
    for name, reason in series.absent.items():
        yield f"| {name} | | | | {reason.replace('|', '/')} |"


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]
