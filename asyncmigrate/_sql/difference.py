"""What changed between two texts, for people.

Bounded: comparing line by line is quadratic in the worst case, so only the first
`MOST_LINES` lines that follow the common beginning are compared, and the output has
at most `MOST_LINES` lines as well; what was left out is said.
"""

from difflib import unified_diff
from typing import Final

MOST_LINES: Final = 2_000


def unified(
    old: str, new: str, *, old_name: str, new_name: str, context: int = 3
) -> str:
    """Return a unified diff, empty for equal texts, with a line's end at its end."""
    before, after = old.splitlines(), new.splitlines()
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    kept = max(0, same - context)
    notes = []
    if kept:
        before, after = before[kept:], after[kept:]
    left = max(len(before), len(after)) - MOST_LINES
    if left > 0:
        before, after = before[:MOST_LINES], after[:MOST_LINES]
        notes.append(f"… {left} more lines were not compared")
    lines = list(
        unified_diff(before, after, old_name, new_name, n=context, lineterm="")
    )
    return "".join(f"{line}\n" for line in [*lines, *notes])
