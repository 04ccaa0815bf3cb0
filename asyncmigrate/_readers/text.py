"""Text for a terminal: how wide it is, and that nobody else's text can steer it.

Names, messages and SQL come from files and servers. A control character among them
could move the cursor, recolour the screen or answer on the user's behalf; here it
becomes its own visible spelling.
"""

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
_MINUTE: Final = 60
_HOUR: Final = 3600
_SPELT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b"}
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories that a terminal obeys or hides: controls, bidi marks, surrogates."""
_JOINERS: Final = frozenset("\u200c\u200d")
"""Part of how some scripts and emoji are written; they steer nothing."""


def escape(text: str, *, keep: str = "") -> str:
    """*text* with every control character but those of *keep* spelt out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep else _spelt(c) for c in text)


def _spelt(character: str) -> str:
    if character in _JOINERS:
        return character
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    known = _SPELT.get(character)
    if known:
        return known
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004 - the last that two hexadecimal digits hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits


def escape_block(text: str) -> str:
    """The same for a text of several lines, whose ends and tabs stay as they are."""
    return escape(text.replace("\r\n", "\n"), keep="\n\t")


def width(text: str) -> int:
    """How many cells a terminal gives to *text*, which holds no control characters."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, cells: int) -> str:
    """*text* in at most so many cells, its end replaced by an ellipsis if need be."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept, used = [], 0
    for character in text:
        used += _cells(character)
        if used > cells - 1:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """*text* filled up with spaces, after it or, for numbers, before it."""
    fill = " " * (cells - width(text))
    return fill + text if right else text + fill


def spell_duration(seconds: float) -> str:
    """A duration as people read it: ``12 ms``, ``3.4 s``, ``2 min 05 s``."""
    if seconds < 0.9995:  # noqa: PLR2004 - from here on it would round to 1000 ms
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def spell_clock(seconds: float) -> str:
    """A duration that is still growing: tenths, so that it does not flicker."""
    return f"{seconds:.1f} s" if seconds < 1 else spell_duration(seconds)


def plural(number: int, noun: str) -> str:
    """``1 migration``, ``2 migrations``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
