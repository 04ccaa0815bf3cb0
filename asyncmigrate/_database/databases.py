"""Databases for tests: made, cloned, marked, listed and dropped, on one server.

Each bears its mark from its first moment, so that no other is ever taken for one of
ours: a connection limit that no server can reach, which CREATE DATABASE writes
together with the name. A comment could follow only later, and a process killed
between the two would leave a database that nobody may touch.

The name holds sixteen hex digits, and they are an advisory key: while a session holds
it, whatever bears it is in use. A key shows in pg_locks from every database.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._database.session import Session
from asyncmigrate._sql.quoting import quote_ident, quote_literal

MARK: Final = 1_634_561_395
"""The connection limit; a server takes at most 262,143 connections."""
PREFIX: Final = "asyncmigrate_"
COMMENT: Final = "asyncmigrate test template "
"""What the comment of a template begins with; JSON follows."""

LIST: Final[LiteralString] = """
SELECT d.datname,
       pg_catalog.shobj_description(d.oid, 'pg_database'),
       EXISTS (
           SELECT FROM pg_catalog.pg_locks AS l
           WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
             AND pg_catalog.substring(d.datname, '_([0-9a-f]{16})') =
                 pg_catalog.lpad(pg_catalog.to_hex(l.classid::pg_catalog.int8), 8, '0')
                 || pg_catalog.lpad(pg_catalog.to_hex(l.objid::pg_catalog.int8), 8, '0')
       ),
       pg_catalog.date_part('epoch', pg_catalog.now())::pg_catalog.int8
FROM pg_catalog.pg_database AS d
WHERE d.datname ~ '^asyncmigrate_(template|clone|draft)_[0-9a-f]{16}(_[0-9]+)?$'
  AND d.datconnlimit IN ({mark}, -2)
  AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
"""
"""-2 is what an interrupted DROP leaves: nobody can connect to such a database again.
The snapshot is older than the look at the locks, and a key is held before its first
database is made: whoever lives is seen to live."""

FACTS: Final[LiteralString] = """
SELECT pg_catalog.current_setting('fsync'),
       pg_catalog.date_part('epoch', pg_catalog.now())::pg_catalog.int8
"""

HOLD: Final[LiteralString] = "SELECT pg_catalog.pg_try_advisory_lock{shared}({key})"
RELEASE: Final[LiteralString] = "SELECT pg_catalog.pg_advisory_unlock({key})"

_NAME: Final = re.compile(
    r"asyncmigrate_(template|clone|draft)_([0-9a-f]{16})(?:_\d+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A database of ours, as the server lists it."""

    name: str
    kind: str
    """``template``, ``clone`` or ``draft``: a template that is not finished."""
    key: str
    """Sixteen hex digits: of a template its digest's, else its owner's."""
    in_use: bool
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What its comment says; empty when there is none that we wrote."""
    now: int
    """The server's clock, in seconds."""


def template_name(key: str) -> str:
    """What the template of a digest is called."""
    return f"{PREFIX}template_{key}"


def clone_name(owner: str, number: int) -> str:
    """What a database for one test is called."""
    return f"{PREFIX}clone_{owner}_{number}"


def draft_name(owner: str, number: int) -> str:
    """What a template is called until it is finished."""
    return f"{PREFIX}draft_{owner}_{number}"


async def list_databases(session: Session) -> list[Known]:
    """Every database that bears our mark and that this role may drop. One round trip."""
    rows = await session.ask(LIST.replace("{mark}", str(MARK)))
    return [
        Known(
            name=row[0] or "",
            kind=found[1],
            key=found[2],
            in_use=row[2] == "t",
            notes=_notes(row[1]),
            now=int(row[3] or 0),
        )
        for row in rows
        if (found := _NAME.fullmatch(row[0] or ""))
    ]


def _notes(comment: str | None) -> Mapping[str, Any]:
    if comment is None or not comment.startswith(COMMENT):
        return {}
    try:
        notes = json.loads(comment.removeprefix(COMMENT))
    except ValueError:
        return {}
    return notes if isinstance(notes, dict) else {}


def _commented(name: str, notes: Mapping[str, Any]) -> str:
    text = quote_literal(COMMENT + json.dumps(notes))
    return f"COMMENT ON DATABASE {quote_ident(name)} IS {text}"


async def fastest_strategy(session: Session) -> tuple[str, int]:
    """How CREATE DATABASE is told to copy, and the server's clock. One round trip.

    Copying files forces two checkpoints: the fastest without fsync, by far the slowest
    with it (measured). Before PostgreSQL 15 there is no choice.
    """
    row = (await session.ask(FACTS))[0]
    strategy = ""
    if session.server_version >= 15:  # noqa: PLR2004 - the first with a choice
        strategy = " STRATEGY " + ("file_copy" if row[0] == "off" else "wal_log")
    return strategy, int(row[1] or 0)


async def create_database(
    session: Session, name: str, *, template: str = "template0", strategy: str = ""
) -> None:
    """Make a database that bears the mark. One round trip.

    Cancelled: the server may still finish it.
    """
    await session.execute(
        f"CREATE DATABASE {quote_ident(name)} TEMPLATE {quote_ident(template)}"
        f"{strategy} CONNECTION LIMIT {MARK}"
    )


async def drop_database(session: Session, name: str) -> None:
    """Drop a database, whoever is connected to it. One round trip."""
    await session.execute(f"DROP DATABASE IF EXISTS {quote_ident(name)} WITH (FORCE)")


async def publish_template(
    session: Session, draft: str, name: str, notes: Mapping[str, Any]
) -> None:
    """Give a draft its name, and let nobody connect to it. One transaction, one trip.

    Raises:
        StatementFailed: with ``42P04``, or ``23505`` in a race, when there is one of that
            name by now.
    """
    await session.execute(
        f"{_commented(draft, notes)};"
        f"ALTER DATABASE {quote_ident(draft)} ALLOW_CONNECTIONS false;"
        f"ALTER DATABASE {quote_ident(draft)} RENAME TO {quote_ident(name)}"
    )


async def note_use(session: Session, name: str, notes: Mapping[str, Any]) -> bool:
    """Write a template's comment anew; false when somebody else does it right now."""
    try:
        await session.execute(_commented(name, notes))
    except StatementFailed:
        return False
    return True


async def hold(session: Session, key: str, *, shared: bool = True) -> bool:
    """Take a key for as long as this session lasts; false when it is not to be had."""
    sql = HOLD.replace("{shared}", "_shared" if shared else "")
    return (await session.ask(sql.replace("{key}", _literal(key))))[0][0] == "t"


async def release(session: Session, key: str) -> None:
    """Give back a key that was not shared."""
    await session.ask(RELEASE.replace("{key}", _literal(key)))


def _literal(key: str) -> str:
    number = int.from_bytes(bytes.fromhex(key), "big", signed=True)
    return f"({number})::pg_catalog.int8"
