"""Which table is whose: one, or a question, or why none can be taken over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from asyncmigrate._foreign import SeenTable
from asyncmigrate._plan.old_tools import BY_NAME, OLD_TOOLS, OldTool
from asyncmigrate.errors import DatabaseUnusable, InvalidUsage

_NAME: Final = r'(?:"((?:[^"]|"")+)"|([^".]+))'
_PLACE: Final = re.compile(rf"(?:{_NAME}\.)?{_NAME}")
_TABLES: Final = frozenset({"r", "p"})
_KINDS: Final = {"v": "a view", "m": "a materialised view", "f": "a foreign table"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptWish:
    """Take over the history of *tool*, or of the one that there is."""

    tool: str | None = None
    schema: str | None = None
    table: str | None = None
    at: str | None = None
    """Our version up to which files count as applied; null: as the table says."""
    head: str | None = None
    """Where the tool must stand for `at` to be right; null: not checked."""
    allow_out_of_order: bool = False


def read_wish(
    tool: str | None, at: str | None, *, allow_out_of_order: bool = False
) -> AdoptWish:
    """What ``TOOL``, ``TOOL:TABLE`` or ``TOOL:SCHEMA.TABLE``, and ``V=HEAD`` mean.

    Raises:
        InvalidUsage: there is no such tool, or no such table can be.
    """
    name, colon, place = (tool or "").partition(":")
    if tool is not None and name not in BY_NAME:
        message = f"there is no tool `{name}` whose history can be taken over"
        raise InvalidUsage(message, hint=f"known: {', '.join(BY_NAME)}")
    schema, table = _read_place(place) if colon else (None, None)
    version, equals, head = (at or "").partition("=")
    if at is not None and (not version or (equals and not head)):
        message = f"`{at}` is no version up to which files count as applied"
        raise InvalidUsage(message, hint="give `V`, or `V=HEAD` to have HEAD checked")
    return AdoptWish(
        tool=name or None,
        schema=schema,
        table=table,
        at=version or None,
        head=head or None,
        allow_out_of_order=allow_out_of_order,
    )


def _read_place(text: str) -> tuple[str | None, str]:
    found = _PLACE.fullmatch(text)
    if found is None:
        message = f"`{text}` is no name of a table"
        raise InvalidUsage(message, hint="give `TOOL:TABLE` or `TOOL:SCHEMA.TABLE`")
    quoted_schema, schema, quoted_table, table = found.groups()
    if quoted_schema:
        schema = quoted_schema.replace('""', '"')
    return schema, quoted_table.replace('""', '"') if quoted_table else table


def names_to_find(wish: AdoptWish) -> tuple[str, ...]:
    """The tables that `choose_table` must see."""
    tools = [BY_NAME[wish.tool]] if wish.tool else OLD_TOOLS
    names = {name for tool in tools for name in tool.tables}
    names = {wish.table} if wish.table else names
    return tuple(sorted(names | {tool.companion for tool in tools if tool.companion}))


def choose_table(
    seen: Sequence[SeenTable], wish: AdoptWish, layout: str
) -> tuple[OldTool, SeenTable]:
    """The tool and its table.

    Raises:
        InvalidUsage: there is none, or more than one.
        DatabaseUnusable: what there is cannot be read, or is of a version of its tool
            that is not known.
    """
    tools = [BY_NAME[wish.tool]] if wish.tool else list(OLD_TOOLS)
    pairs = [
        (tool, table)
        for table in seen
        for tool in tools
        if _is_called(tool, table, wish)
    ]
    if wish.tool is None:
        pairs = _most_specific(pairs, seen)
    if not pairs:
        raise _nothing(tools, wish)
    fitting = [(tool, table) for tool, table in pairs if not misfits(tool, table)]
    if not fitting:
        raise _unfit(pairs)
    own = [pair for pair in fitting if pair[0].name == layout]
    if len(fitting) > 1 and len(own) == 1:
        return own[0]
    if len(fitting) > 1:
        listed = "; ".join(f"{tool.name}'s {table}" for tool, table in fitting)
        tool, table = fitting[0]
        message = f"there is more than one history to take over: {listed}"
        hint = f"say which, as `--from {tool.name}:{table}`; nothing was changed"
        raise InvalidUsage(message, hint=hint)
    return fitting[0]


def _is_called(tool: OldTool, table: SeenTable, wish: AdoptWish) -> bool:
    names = (wish.table,) if wish.table else tool.tables
    schema = wish.schema or (None if wish.table else tool.schema)
    if table.name not in names or (schema and table.schema != schema):
        return False
    fixed = {other.schema for other in OLD_TOOLS if other.schema}
    # What stands in the schema of one tool is no other's.
    return bool(wish.table) or tool.schema is not None or table.schema not in fixed


def _most_specific(
    pairs: list[tuple[OldTool, SeenTable]], seen: Sequence[SeenTable]
) -> list[tuple[OldTool, SeenTable]]:
    """Of tools whose tables look alike, the one whose companion is there."""
    there = {(table.schema, table.name) for table in seen}

    def accompanied(tool: OldTool, table: SeenTable) -> bool:
        return (table.schema, tool.companion) in there

    told = {(t.schema, t.name) for tool, t in pairs if accompanied(tool, t)}
    return [
        (tool, table)
        for tool, table in pairs
        if accompanied(tool, table)
        or (tool.companion is None and (table.schema, table.name) not in told)
    ]


def is_readable(kind: str, *, secured: bool) -> bool:
    """Whether reading it runs nobody's code."""
    return kind in _TABLES and not secured


def misfits(tool: OldTool, table: SeenTable) -> list[str]:
    """Why *table* cannot be read as one of *tool*."""
    if table.kind not in _TABLES:
        kind = _KINDS.get(table.kind, "no table")
        return [f"it is {kind}, which would run code when it is read"]
    points = ["row security hides rows from this role"] if table.secured else []
    for name, types in tool.columns.items():
        has = table.columns.get(name)
        if has is None:
            points.append(f"it has no column `{name}`")
        elif has not in types:
            points.append(f"its column `{name}` is {has}")
    known = {*tool.columns, *tool.optional}
    points += [
        f"its column `{name}` is not known"
        for name in table.columns
        if name not in known
    ]
    return points


def _nothing(tools: Sequence[OldTool], wish: AdoptWish) -> InvalidUsage:
    tables = {name: None for tool in tools for name in tool.tables}
    wanted = wish.table or ", ".join(tables)
    where = f" in the schema {wish.schema}" if wish.schema else ""
    whose = f"of {wish.tool}" if wish.tool else "of another tool"
    return InvalidUsage(
        f"there is no history {whose} in this database (looked for {wanted}{where});"
        " nothing was changed",
        hint="where the table has another name, `--from TOOL:SCHEMA.TABLE`; where nothing"
        " was applied so far, `asyncmigrate migrate`",
    )


def _unfit(pairs: Sequence[tuple[OldTool, SeenTable]]) -> DatabaseUnusable:
    """Of each table, why it is not that of the tool that it is most like."""
    best: dict[str, tuple[OldTool, list[str]]] = {}
    for tool, table in pairs:
        points = misfits(tool, table)
        known = best.get(str(table))
        if known is None or len(points) < len(known[1]):
            best[str(table)] = (tool, points)
    said = [
        f"{table} is not a table of {tool.name} that can be read: {', '.join(points)}"
        for table, (tool, points) in best.items()
    ]
    tool, points = next(iter(best.values()))
    hint = (
        f"bring the table up to date with a current release of {tool.name}, and take"
        " away columns that others added; or count files as applied without it:"
        " `asyncmigrate baseline V`"
    )
    if any("row security" in point for point in points):
        hint = "run as the table's owner, or as a role with BYPASSRLS"
    return DatabaseUnusable(f"{'; '.join(said)}; nothing was changed", hint=hint)
