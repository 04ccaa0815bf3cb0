"""What changed between two texts, for people.

Bounded: comparing lines is quadratic in the worst case, so the common beginning and
end are left out first, and of the rest at most `MOST_LINES` lines are compared; what
was left out is said.
"""

import re
from difflib import unified_diff
from typing import Final

from asyncmigrate._sql.secrets import without_secrets

MOST_LINES: Final = 2_000
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_HUNK: Final = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")


def unified(
    old: str, new: str, *, old_name: str, new_name: str, context: int = 3
) -> str:
    """Return a unified diff, empty for texts of equal lines."""
    before, after = _lines(old), _lines(new)
    skipped = max(0, _common(before, after) - context)
    before, after = before[skipped:], after[skipped:]
    same_end = max(0, _common(before[::-1], after[::-1]) - context)
    if same_end:
        before, after = before[:-same_end], after[:-same_end]
    left = max(len(before), len(after)) - MOST_LINES
    lines = unified_diff(
        before[:MOST_LINES],
        after[:MOST_LINES],
        old_name,
        new_name,
        n=context,
        lineterm="",
    )
    shown = [_moved(line, skipped) for line in lines]
    if left > 0:
        shown.append(f"… {left} more lines were not compared")
    # An applied file may have held a password that another took the place of.
    return without_secrets("".join(f"{line}\n" for line in shown))


def _lines(text: str) -> list[str]:
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def _common(before: list[str], after: list[str]) -> int:
    for at, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other:
            return at
    return min(len(before), len(after))


def _moved(line: str, skipped: int) -> str:
    """Correct a hunk's line numbers by the lines that were left out."""
    found = _HUNK.fullmatch(line)
    if found is None:
        return line
    old, new = int(found[1]) + skipped, int(found[3]) + skipped
    return f"@@ -{old}{found[2] or ''} +{new}{found[4] or ''} @@"
