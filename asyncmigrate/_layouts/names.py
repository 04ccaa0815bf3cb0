"""What the name of a native migration file says.

The version is the leading digits, ASCII ones; digits of exactly eight, a date, and
further digits behind ``_`` are one version together. A group ends at ``_`` or ``.``.
"""

from asyncmigrate._migration import Version

_DATE = 8
"""Digits."""


def parse_stem(stem: str) -> tuple[Version, str] | None:
    """Read the version and the name of a file name without its endings."""
    text = _group(stem)
    if not text:
        return None
    rest = stem[len(text) :]
    if len(text) == _DATE and rest.startswith("_"):
        second = _group(rest[1:])
        if second:
            text = f"{text}_{second}"
            rest = stem[len(text) :]
    return Version(text, key_of(text)), rest[1:]


def parse_version(text: str) -> Version | None:
    """Read a version as people write one; null when it is none of this layout."""
    parsed = parse_stem(text)
    return parsed[0] if parsed and parsed[0].text == text else None


def key_of(text: str) -> str:
    """Give the key by which ``1`` and ``0001`` are one."""
    return "_".join(group.lstrip("0") or "0" for group in text.split("_"))


def _group(text: str) -> str:
    """Give the digits at the beginning, when ``_``, ``.`` or nothing ends them."""
    digits = leading_digits(text)
    return digits if text[len(digits) : len(digits) + 1] in {"", "_", "."} else ""


def leading_digits(text: str) -> str:
    """Give the ASCII digits at the beginning."""
    return text[: len(text) - len(text.lstrip("0123456789"))]
