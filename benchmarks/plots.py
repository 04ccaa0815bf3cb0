"""A series as an SVG picture: a dot at the median, a line over the middle half.

On a logarithmic axis, since the contenders lie decades apart. It brings colours for
light and for dark pages and a ground of its own, so that it can be read on both.
"""

import math
from collections.abc import Iterator
from html import escape

from benchmarks.measuring import median, quartiles
from benchmarks.peers import PEERS
from benchmarks.report import number
from benchmarks.results import OURS, Series

WIDTH = 760
LEFT, RIGHT = 236, 132
TOP, STEP, BOTTOM = 52, 24, 34

STYLE = """\
  .ground { fill: #ffffff; stroke: #d5d9e0 }
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .faint { fill: #626b77; font-size: 12px }
  .grid { stroke: #e4e7ec }
  .limit { fill: #7d8590; stroke: #7d8590 }
  .peer { fill: #4f7cac; stroke: #4f7cac }
  .ours { fill: #c2410c; stroke: #c2410c }
  text.ours { stroke: none; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #1b1f24; stroke: #3a424c }
    text { fill: #e3e7ec }
    .faint { fill: #9aa4b0 }
    .grid { stroke: #323942 }
    .limit { fill: #9aa4b0; stroke: #9aa4b0 }
    .peer { fill: #79a8d9; stroke: #79a8d9 }
    .ours { fill: #fb923c; stroke: #fb923c }
  }
"""

PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<style>
{style}</style>
<rect class="ground" x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="6"/>
<text class="title" x="16" y="26">{title}</text>
{drawn}
</svg>
"""


def can_be_drawn(series: Series) -> bool:
    """Whether a picture says more than a line; zero has no place on the axis."""
    values = [value for column in series.values.values() for value in column]
    return len(series.values) > 2 and all(
        value is None or value > 0 for value in values
    )


def svg(series: Series, title: str) -> str:
    """The picture."""
    names = sorted(series.values, key=lambda name: median(series.values[name]))
    height = TOP + STEP * len(names) + BOTTOM
    return PICTURE.format(
        width=WIDTH,
        height=height,
        inner_width=WIDTH - 1,
        inner_height=height - 1,
        title=escape(title),
        style=STYLE,
        drawn="\n".join(_drawn(series, names, height)),
    )


def _drawn(series: Series, names: list[str], height: int) -> Iterator[str]:
    axis = _Axis(series)
    bottom = height - BOTTOM
    for tick in axis.ticks():
        x = axis.place(tick)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom}"/>'
        yield (
            f'<text class="faint" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{tick:,g} {escape(series.unit)}</text>"
        )
    for row, name in enumerate(names):
        yield from _contender(series, name, axis, TOP + STEP * row + STEP / 2)


def _contender(series: Series, name: str, axis: "_Axis", y: float) -> Iterator[str]:
    values = [value for value in series.values[name] if value is not None]
    middle = median(values)
    low, high = quartiles(values)
    kind = _kind(name)
    x, text = axis.place(middle), number(middle)
    ratio = series.ratio(name, OURS) if OURS in series.values else None
    times = f" · {number(ratio)} x" if ratio is not None and name != OURS else ""
    label = ' class="ours"' if kind == "ours" else ""
    yield f'<text{label} x="16" y="{y + 4:.1f}">{escape(name)}</text>'
    yield (
        f'<line class="{kind}" stroke-width="3" stroke-opacity="0.45"'
        f' x1="{axis.place(low):.1f}" x2="{axis.place(high):.1f}"'
        f' y1="{y:.1f}" y2="{y:.1f}"/>'
    )
    yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    yield (
        f'<text{label} x="{WIDTH - 14}" y="{y + 4:.1f}" text-anchor="end">'
        f"{text}{times}</text>"
    )


def _kind(name: str) -> str:
    if name.startswith((OURS, "await migrate")):
        return "ours"
    return "peer" if name in {peer.name for peer in PEERS} else "limit"


class _Axis:
    """Logarithmic, over all that is drawn and a little more."""

    def __init__(self, series: Series) -> None:
        found = [
            value
            for column in series.values.values()
            for value in column
            if value is not None and value > 0
        ]
        self._low = math.log10(min(found) / 1.15)
        self._high = math.log10(max(found) * 1.15)

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> Iterator[float]:
        """1, 2 and 5 of each decade; of many decades the first alone."""
        wide = self._high - self._low > 2
        for decade in range(math.floor(self._low), math.ceil(self._high) + 1):
            for step in (1,) if wide else (1, 2, 5):
                tick = step * 10.0**decade
                if self._low <= math.log10(tick) <= self._high:
                    yield tick
