"""Statements outside a transaction: what stood before, and what became of them.

The before-image is written before the statement runs; after a crash, an error or a
cancel alike, the catalogue is compared with it (I12). Decided: the statement is done,
or it must be run again and what it left half done is gone. Undecided: only where no
catalogue can tell.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from asyncmigrate._database import catalogue
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._sql.kinds import (
    CreateIndex,
    Database,
    DetachPartition,
    DropIndex,
    NonTransactional,
    Reindex,
    StatementKind,
)


class Fate(StrEnum):
    """What became of a statement."""

    DONE = "done"
    AGAIN = "again"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Image:
    """What stood before a statement."""

    kind: str
    facts: Mapping[str, Any]

    def to_json(self) -> str:
        """As the column ``before_image`` keeps it."""
        return json.dumps({"kind": self.kind, **self.facts})

    @staticmethod
    def from_json(text: str) -> "Image":
        """Read a kept one."""
        facts = json.loads(text)
        return Image(facts.pop("kind"), facts)


class Blocked(Exception):
    """A statement must not run over what the catalogue shows."""


async def take_image(session: Session, kind: StatementKind) -> Image:
    """What stands of the things that the statement names.

    The session must be under the script's own search path.

    Raises:
        Blocked: IF NOT EXISTS would pass over an invalid index that is not ours.
    """
    target = kind.target
    if isinstance(target, CreateIndex) and target.table:
        table = await catalogue.resolve(session, target.table)
        await session.execute(SEARCH_PATH)
        indexes = await catalogue.indexes_of(session, table) if table else {}
        if target.if_not_exists and target.index:
            _refuse_invalid(target.index[-1], indexes)
        return Image("create_index", {"table": table, "indexes": sorted(indexes)})
    if isinstance(target, DropIndex):
        oids = [await catalogue.resolve(session, name) for name in target.indexes]
        return Image("drop_index", {"indexes": [oid for oid in oids if oid]})
    if isinstance(target, Reindex) and target.concurrently:
        await session.execute(SEARCH_PATH)
        return Image("reindex", {"left": sorted(await catalogue.leftovers(session))})
    if isinstance(target, DetachPartition) and target.parent and target.partition:
        parent = await catalogue.resolve(session, target.parent)
        partition = await catalogue.resolve(session, target.partition)
        return Image("detach", {"parent": parent, "partition": partition})
    if isinstance(target, Database) and target.name:
        name = target.name[-1]
        await session.execute(SEARCH_PATH)
        exists = await catalogue.database_exists(session, name)
        made = kind.what is NonTransactional.CREATE_DATABASE
        return Image("database", {"name": name, "existed": exists, "made": made})
    if kind.what in {
        NonTransactional.VACUUM,
        NonTransactional.ALTER_SYSTEM,
        NonTransactional.REINDEX,
    }:
        return Image("repeatable", {})
    return Image("uncertain", {})


def _refuse_invalid(name: str, indexes: Mapping[int, tuple[str, bool]]) -> None:
    for found, valid in indexes.values():
        if found == name and not valid:
            message = (
                f"index {name} exists and is invalid: IF NOT EXISTS would pass over it"
            )
            raise Blocked(message)


async def decide(session: Session, image: Image) -> tuple[Fate, list[str]]:
    """What became of the statement; what it left half done is removed on the way.

    Returns the fate, and in words what was found and done.
    """
    await session.execute(SEARCH_PATH)
    facts = image.facts
    match image.kind:
        case "create_index":
            return await _decide_index(session, facts)
        case "drop_index":
            there = [await catalogue.name_of(session, oid) for oid in facts["indexes"]]
            gone = bool(there) and not any(there)
            return (Fate.DONE if gone else Fate.AGAIN), []
        case "reindex":
            return await _decide_reindex(session, facts)
        case "detach":
            return await _decide_detach(session, facts)
        case "database":
            exists = await catalogue.database_exists(session, facts["name"])
            changed = exists != facts["existed"] and exists == facts["made"]
            return (Fate.DONE if changed else Fate.AGAIN), []
        case "repeatable":
            return Fate.AGAIN, []
        case _:
            return Fate.UNDECIDED, []


async def _decide_index(
    session: Session, facts: Mapping[str, Any]
) -> tuple[Fate, list[str]]:
    if facts["table"] is None:
        return Fate.AGAIN, []
    now = await catalogue.indexes_of(session, facts["table"])
    new = {oid: seen for oid, seen in now.items() if oid not in facts["indexes"]}
    notes = []
    for oid, (_, valid) in new.items():
        if not valid:
            name = await catalogue.name_of(session, oid)
            if name is not None:
                await session.execute(f"SET lock_timeout = 0;{SEARCH_PATH}")
                await session.execute(f"DROP INDEX CONCURRENTLY {name}")
                notes.append(f"dropped the invalid index {name}")
    done = any(valid for _, valid in new.values())
    return (Fate.DONE if done else Fate.AGAIN), notes


async def _decide_reindex(
    session: Session, facts: Mapping[str, Any]
) -> tuple[Fate, list[str]]:
    notes = []
    for oid, name in (await catalogue.leftovers(session)).items():
        if oid not in facts["left"]:
            await session.execute("SET lock_timeout = 0")
            await session.execute(f"DROP INDEX CONCURRENTLY {name}")
            notes.append(f"dropped {name}, left by REINDEX CONCURRENTLY")
    return Fate.AGAIN, notes


async def _decide_detach(
    session: Session, facts: Mapping[str, Any]
) -> tuple[Fate, list[str]]:
    parent, partition = facts["parent"], facts["partition"]
    if parent is None or partition is None:
        return Fate.AGAIN, []
    state = await catalogue.partition_state(session, parent, partition)
    if state != "pending":
        return (Fate.DONE if state == "detached" else Fate.AGAIN), []
    parent_name = await catalogue.name_of(session, parent)
    name = await catalogue.name_of(session, partition)
    await session.execute("SET lock_timeout = 0")
    await session.execute(f"ALTER TABLE {parent_name} DETACH PARTITION {name} FINALIZE")
    return Fate.DONE, [f"finalised the detach of {name}"]


async def still_invalid(session: Session, image: Image) -> list[str]:
    """Names of new indexes that are invalid although the statement succeeded."""
    if image.kind != "create_index" or image.facts["table"] is None:
        return []
    await session.execute(SEARCH_PATH)
    now = await catalogue.indexes_of(session, image.facts["table"])
    before = image.facts["indexes"]
    return [name for oid, (name, ok) in now.items() if oid not in before and not ok]
