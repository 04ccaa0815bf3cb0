"""Everything that a status is made of, in one query that needs no session of its own.

Nothing is set, so the connection may be borrowed from an application's pool: all names
are qualified, and no search path is relied on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from asyncmigrate._database import history, lock
from asyncmigrate._database.history import Looked
from asyncmigrate._database.session import Row, Session
from asyncmigrate._database.tables import only_ours
from asyncmigrate._migration import Holder

TOGETHER: Final[LiteralString] = """
SELECT 'look', pg_catalog.row_to_json(look)::pg_catalog.text FROM ({look}) AS look
UNION ALL
SELECT 'time', pg_catalog.row_to_json(took)::pg_catalog.text FROM ({times}) AS took
UNION ALL
SELECT 'lock', pg_catalog.row_to_json(held)::pg_catalog.text FROM ({holder}) AS held
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What one query saw."""

    looked: Looked
    times: Mapping[int, tuple[datetime | None, int | None]]
    holder: Holder | None


async def probe(session: Session) -> Probed:
    """History, times and lock. One round trip, with SELECT alone."""
    sql = TOGETHER.replace("{look}", history.look_sql(session))
    sql = sql.replace("{times}", session.fill(history.STATUS))
    found: dict[str, list[Row]] = {"look": [], "time": [], "lock": []}
    sql = sql.replace("{holder}", lock.holder_sql(session))
    for kind, row in await session.ask(sql, provided=only_ours(session)):
        found[kind or ""].append(_row(row or "[]"))
    # UNION ALL promises no order.
    looked = sorted(found["look"], key=lambda row: int(row[0] or 0))
    held = lock.parse_holder(found["lock"][0]) if found["lock"] else None
    return Probed(
        looked=history.parse_look(looked),
        times=history.parse_times(found["time"]),
        holder=held[0] if held else None,
    )


def _row(text: str) -> Row:
    """The values in their order, since several columns may have one name."""
    return [_cell(value) for _, value in json.loads(text, object_pairs_hook=list)]


def _cell(value: Any) -> str | None:  # noqa: ANN401 - what JSON holds
    """*value* as the server's text format has it."""
    if isinstance(value, bool):
        return "t" if value else "f"
    return None if value is None else str(value)
