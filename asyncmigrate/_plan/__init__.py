"""From files, history and a wish to a plan, or to every conflict at once.

Pure: no clock, no files, no database. What stands is compared first by the digest of
the bytes, so that a file which has not changed needs no definition here.
"""

from asyncmigrate._plan.branches import Branch, compare_branches
from asyncmigrate._plan.compare import (
    Comparison,
    compare,
    conflicts_of,
    needed,
    problems_as_conflicts,
    warnings_of,
)
from asyncmigrate._plan.marks import decide_baseline, decide_repair
from asyncmigrate._plan.migrate import decide_migrate
from asyncmigrate._plan.remaining import undone_by_others, what_is_left
from asyncmigrate._plan.rollback import choose_rollback, decide_rollback
from asyncmigrate._plan.steps import (
    Apply,
    Definitions,
    MigrateWish,
    Plan,
    Refresh,
    RollbackWish,
    SoFar,
    Step,
    Undo,
    Write,
)
from asyncmigrate._plan.versions import find_key, nearest_versions

__all__ = [
    "Apply",
    "Branch",
    "Comparison",
    "Definitions",
    "MigrateWish",
    "Plan",
    "Refresh",
    "RollbackWish",
    "SoFar",
    "Step",
    "Undo",
    "Write",
    "choose_rollback",
    "compare",
    "compare_branches",
    "conflicts_of",
    "decide_baseline",
    "decide_migrate",
    "decide_repair",
    "decide_rollback",
    "find_key",
    "nearest_versions",
    "needed",
    "problems_as_conflicts",
    "undone_by_others",
    "warnings_of",
    "what_is_left",
]
