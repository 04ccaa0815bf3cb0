"""What the streams can show, told from the streams and the usual variables.

``NO_COLOR`` takes colour away, ``FORCE_COLOR`` brings it into a pipe, and neither
moves a cursor there: the live display wants a terminal that is one.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

_DEFAULT_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Terminal:
    """Both streams, and who looks at them."""

    colour_out: bool = False
    colour_err: bool = False
    live: bool = False
    """Whether a live display can be drawn on standard error."""
    out_is_terminal: bool = False
    can_ask: bool = False
    width: int = _DEFAULT_WIDTH
    table_width: int | None = None
    """Null where nothing has to fit: a pipe."""


def inspect_terminal(environment: Mapping[str, str] = os.environ) -> Terminal:
    """Look at standard input, output and error."""
    out, err = _is_terminal(sys.stdout), _is_terminal(sys.stderr)
    dumb = environment.get("TERM", "").lower() in {"dumb", "unknown"}
    width = _DEFAULT_WIDTH
    if out or environment.get("COLUMNS"):
        import shutil  # not for a pipe, which is as wide as anything

        width = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    return Terminal(
        colour_out=_colour(environment, dumb=dumb, terminal=out),
        colour_err=_colour(environment, dumb=dumb, terminal=err),
        live=err and not dumb,
        out_is_terminal=out,
        can_ask=err and _is_terminal(sys.stdin),
        width=width,
        table_width=width if out or environment.get("COLUMNS") else None,
    )


def _colour(environment: Mapping[str, str], *, dumb: bool, terminal: bool) -> bool:
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return terminal and not dumb


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
