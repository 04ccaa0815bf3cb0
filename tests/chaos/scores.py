"""What a scenario found, as one line of the scorecard."""

from collections.abc import Iterable
from dataclasses import dataclass, field

HARM = (
    "double_applied",
    "lost",
    "stuck_locks",
    "invalid_indexes",
    "orphaned_leases",
    "unexpected",
)
"""The counters of which each must be zero."""

HEADINGS = (
    "scenario",
    "rounds",
    "runs",
    "faults",
    "double-applied",
    "lost",
    "stuck locks",
    "invalid indexes",
    "orphaned leases",
    "unexpected",
    "names left",
    "seconds",
)


@dataclass(slots=True)
class Score:
    """Counted over all rounds of one scenario."""

    scenario: str
    rounds: int = 0
    """Databases migrated from nothing to the end."""
    runs: int = 0
    """Processes (or calls) of the runner that were started."""
    faults: int = 0
    """Faults that hit: a kill that came too late is not counted."""
    double_applied: int = 0
    """Migrations, or statements of one, whose effect is there more than once."""
    lost: int = 0
    """Migrations recorded without effect, with effect but no record, or neither."""
    stuck_locks: int = 0
    """Rounds after which a fresh run could not have the lock at once."""
    invalid_indexes: int = 0
    orphaned_leases: int = 0
    """Lease rows that still name a run after an undisturbed one has ended."""
    unexpected: int = 0
    """Endings that no document foretells: a traceback, a wrong exit status, a hang."""
    names_left: int = 0
    """Lease rows that named a dead run beside a free lock, until the next run that had
    something to do. No harm: `status` and the waiters believe the lock."""
    seconds: float = 0.0
    skipped: str = ""
    """Why the scenario did not run here."""
    remarks: list[str] = field(default_factory=list)
    """What was found, for a person."""
    notes: list[str] = field(default_factory=list)
    """Figures that have no column."""
    exits: dict[int, int] = field(default_factory=dict)
    """How often each exit status was seen."""

    @property
    def is_clean(self) -> bool:
        return not any(getattr(self, name) for name in HARM)

    def blame(self, what: str, text: str, count: int = 1) -> None:
        """Count *what* against the product, with a remark."""
        setattr(self, what, getattr(self, what) + count)
        self.remarks.append(f"{what.replace('_', ' ')}: {text}")

    def cells(self) -> list[str]:
        if self.skipped:
            return [self.scenario, f"skipped: {self.skipped}"]
        numbers = (self.rounds, self.runs, self.faults)
        harm = (getattr(self, name) for name in HARM)
        more = (self.names_left, round(self.seconds))
        return [self.scenario, *map(str, (*numbers, *harm, *more))]


def scorecard(scores: Iterable[Score]) -> str:
    """A Markdown table, aligned for a terminal as well."""
    rows = [list(HEADINGS)]
    for score in scores:
        cells = score.cells()
        rows.append(cells + [""] * (len(HEADINGS) - len(cells)))
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = [
        "-" * width if at == 0 else "-" * (width - 1) + ":"
        for at, width in enumerate(widths)
    ]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])
