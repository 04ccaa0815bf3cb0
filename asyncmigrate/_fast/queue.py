"""A queue of starts that find the same to do: one works, the others wait for little.

A rolling deploy starts a hundred of us at once. Each that went on at once would load
the engine, four times what a look costs, only to wait for the lock and find nothing
left to do. So a look that finds something goes on only when nobody is before it: no
run at work, and no look that came earlier and is still there. It keeps its own
connection until the ordinary path is loaded. Nothing depends on this order but time:
the lock decides who works, and whoever has waited long enough goes on.
"""

import os
from time import monotonic, sleep

from asyncmigrate._database.keys import advisory_key, halves

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Callable, Iterator

PATIENCE = 3.0
"""Seconds after which a start that waits goes on, and then says for whom it waits."""

BEFORE_US = """
SELECT count(*), count(*) FILTER (WHERE other.application_name <> own.application_name)
FROM pg_stat_get_activity(NULL) AS other, pg_stat_get_activity(pg_backend_pid()) AS own
WHERE other.datid = own.datid AND other.pid <> own.pid
  AND (other.application_name = own.application_name
       AND (other.backend_start, other.pid) < (own.backend_start, own.pid)
    OR other.application_name ~ '^asyncmigrate [0-9a-f]{8}$' AND NOT EXISTS (
         SELECT FROM pg_locks AS l
         WHERE l.pid = other.pid AND l.locktype = 'advisory' AND l.objsubid = 1
           AND (l.classid::int8, l.objid::int8) <> ({classid}, {objid})))
"""
"""How many come first: looks at the same namespace that are there for longer, and runs,
which are counted apart, but for those that hold the lock of another namespace. Looks of
another role do not show how old they are, and are not waited for."""


def before_us(namespace: str) -> str:
    """The question how many come first, under a search path of its own."""
    classid, objid = halves(advisory_key("asyncmigrate", namespace))
    sql = BEFORE_US.replace("{classid}", str(classid)).replace("{objid}", str(objid))
    return f"SET LOCAL search_path = pg_catalog, pg_temp;{sql}"


def wait_for_others(
    count: "Callable[[], tuple[int, int]]",
    is_settled: "Callable[[], bool]",
    until: float,
) -> bool:
    """Wait until nothing is left to do; false when it is our turn, or *until* then.

    Between two questions the session holds nothing.
    """
    for number, pause in enumerate(_pauses()):
        before, at_work = count()
        # Not while one is at work: it would not be through.
        if number and not at_work and is_settled():
            return True
        if not before or monotonic() + pause > until:
            break
        sleep(pause)
    return False


def _pauses() -> "Iterator[float]":
    """Seconds that grow, with jitter: a hundred who ask at once keep a server busy."""
    step = 0.05
    while True:
        yield step * (1 - os.urandom(1)[0] / 512)
        step = min(step * 2, 0.4)
