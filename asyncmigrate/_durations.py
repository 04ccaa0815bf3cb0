"""Durations as people write them: ``5s``, ``500ms``, ``10min``, or seconds.

The units are PostgreSQL's, so that a value means here what it means in the server's
configuration; but a number alone is seconds, never milliseconds.
"""

from decimal import Decimal
from typing import Final

UNITS: Final = {
    "us": Decimal("0.000001"),
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_LONGEST: Final = 20
"""Characters; what is longer is a mistake, and would cost time to convert."""


def parse_duration(text: str) -> float:
    """Seconds.

    Raises:
        ValueError: it is no duration. Negative ones, ``nan`` and ``inf`` are none.
    """
    word = text.strip()
    number = word.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = UNITS.get(word[len(number) :] or "s")
    digits = number.rstrip()
    whole, _, fraction = digits.partition(".")
    plain = whole + fraction
    if unit is None or len(plain) > _LONGEST:
        raise ValueError(text)
    if not whole or not (plain.isascii() and plain.isdigit()) or digits[-1] == ".":
        raise ValueError(text)
    return float(Decimal(digits) * unit)


def format_duration(seconds: float) -> str:
    """What `parse_duration` reads back as the very same number."""
    return f"{Decimal(repr(seconds)).normalize():f}s"
