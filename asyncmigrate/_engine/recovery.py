"""Statements outside a transaction: what stood before, and what became of them.

The before-image is written before the statement runs; after a crash, an error or a
cancel alike, the catalogue is compared with it (I12). Decided: the statement is done,
or it must be run again and what it left half done is gone. Undecided: only where no
catalogue can tell.

What somebody else builds at the same time is left alone: an index counts as ours by
its name, and only when nobody is at work on its table.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from asyncmigrate._database import catalogue
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._database.transaction import Limits, session_limits
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

    @property
    def uncertain(self) -> bool:
        """Whether no catalogue can say what becomes of the statement."""
        return self.kind == "uncertain"

    def to_json(self) -> str:
        """As the column ``before_image`` keeps it."""
        return json.dumps({"kind": self.kind, **self.facts})

    @staticmethod
    def from_json(text: str) -> "Image":
        """Read a kept one."""
        facts = json.loads(text)
        return Image(facts.pop("kind"), facts)


UNCERTAIN: Final = Image("uncertain", {})
_REPEATABLE: Final = Image("repeatable", {})

_PRESENCE: Final = {
    NonTransactional.CREATE_DATABASE: ("database", True),
    NonTransactional.DROP_DATABASE: ("database", False),
    NonTransactional.CREATE_TABLESPACE: ("tablespace", True),
    NonTransactional.DROP_TABLESPACE: ("tablespace", False),
    NonTransactional.CREATE_SUBSCRIPTION: ("subscription", True),
    NonTransactional.DROP_SUBSCRIPTION: ("subscription", False),
}
_DOES_NO_HARM_TWICE: Final = {
    NonTransactional.VACUUM,
    NonTransactional.ALTER_SYSTEM,
    NonTransactional.REINDEX,
}


class Blocked(Exception):
    """A statement must not run over what the catalogue shows."""


async def take_image(session: Session, kind: StatementKind) -> Image:
    """What stands of the things that the statement names.

    The session must be under the script's own search path.

    Raises:
        Blocked: IF NOT EXISTS would pass over an invalid index that is not ours.
    """
    target, what = kind.target, kind.what
    if isinstance(target, CreateIndex) and target.table:
        return await _image_of_index(session, target)
    if isinstance(target, DropIndex):
        oids = [await catalogue.resolve(session, name) for name in target.indexes]
        return Image("drop_index", {"indexes": [oid for oid in oids if oid]})
    if isinstance(target, Reindex) and target.concurrently:
        return await _image_of_reindex(session, target)
    if isinstance(target, DetachPartition) and target.parent and target.partition:
        parent = await catalogue.resolve(session, target.parent)
        partition = await catalogue.resolve(session, target.partition)
        return Image("detach", {"parent": parent, "partition": partition})
    if isinstance(target, Database) and target.name and what in _PRESENCE:
        thing, made = _PRESENCE[what]
        name = target.name[-1]
        await session.execute(SEARCH_PATH)
        existed = await catalogue.exists(session, thing, name)
        facts = {"what": thing, "name": name, "existed": existed, "made": made}
        return Image("presence", facts)
    if what in _DOES_NO_HARM_TWICE or _can_be_repeated(kind.words):
        return _REPEATABLE
    return UNCERTAIN


def _can_be_repeated(words: tuple[str, ...]) -> bool:
    return (
        words[:1] == ("CLUSTER",)
        or words[:2] == ("ALTER", "DATABASE")
        or (words[:2] == ("ALTER", "SUBSCRIPTION") and "REFRESH" in words)
    )


async def _image_of_index(session: Session, target: CreateIndex) -> Image:
    table = await catalogue.resolve(session, target.table or ())
    await session.execute(SEARCH_PATH)
    name = target.index[-1] if target.index else None
    facts: dict[str, Any] = {"table": table, "indexes": [], "name": name}
    relation = await catalogue.relation_of(session, table) if table else None
    if table is None or relation is None:
        return Image("create_index", facts)
    if (
        target.if_not_exists
        and name
        and await catalogue.is_invalid(session, table, name)
    ):
        message = (
            f"index {name} exists and is invalid: IF NOT EXISTS would pass over it"
        )
        raise Blocked(message)
    facts["indexes"] = sorted(await catalogue.indexes_of(session, table))
    facts["relation"] = relation.name
    return Image("create_index", facts)


async def _image_of_reindex(session: Session, target: Reindex) -> Image:
    scope, oid = "database", 0
    if target.object_type in {"INDEX", "TABLE"} and target.name:
        scope, oid = "relation", await catalogue.resolve(session, target.name) or 0
    await session.execute(SEARCH_PATH)
    if target.object_type == "SCHEMA" and target.name:
        found = await catalogue.schema_oid(session, target.name[-1])
        scope, oid = "schema", found or 0
    left = await catalogue.leftovers(session, scope, oid)
    return Image("reindex", {"scope": scope, "oid": oid, "left": left})


async def decide(
    session: Session, image: Image, limits: Limits, patient: Limits
) -> tuple[Fate, list[str]]:
    """What became of the statement; what it left half done is removed on the way.

    What holds others up while it waits keeps to *limits*, what does not to *patient*.
    Returns the fate, and in words what was done.

    Raises:
        StatementFailed: what is left could not be removed; it can be tried again.
    """
    await session.execute(SEARCH_PATH)
    await session.execute(session_limits(patient))
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
            await session.execute(session_limits(limits))
            return await _decide_detach(session, facts)
        case "presence":
            exists = await catalogue.exists(session, facts["what"], facts["name"])
            changed = exists != facts["existed"] and exists == facts["made"]
            return (Fate.DONE if changed else Fate.AGAIN), []
        case "repeatable":
            return Fate.AGAIN, []
        case _:
            return Fate.UNDECIDED, []


_LEAST_OF_NAME: Final = 25
"""Characters of a table's name that the server keeps, at the least, in an index's."""


async def _ours(session: Session, facts: Mapping[str, Any]) -> dict[int, bool]:
    """The new indexes that the statement made, by id, and whether they are valid."""
    now = await catalogue.indexes_of(session, facts["table"])
    new = {oid: seen for oid, seen in now.items() if oid not in facts["indexes"]}
    if facts["name"] is not None:
        return {oid: ok for oid, (name, ok) in new.items() if name == facts["name"]}
    beginning = re.escape(facts["relation"][:_LEAST_OF_NAME])
    pattern = re.compile(rf"{beginning}.*_idx\d*", re.DOTALL)
    return {oid: ok for oid, (name, ok) in new.items() if pattern.fullmatch(name)}


async def _decide_index(
    session: Session, facts: Mapping[str, Any]
) -> tuple[Fate, list[str]]:
    if facts["table"] is None:
        return Fate.AGAIN, []
    notes = []
    for oid, valid in (await _ours(session, facts)).items():
        if not valid and (dropped := await _drop_invalid(session, oid)):
            notes.append(f"dropped the invalid index {dropped}")
    done = any((await _ours(session, facts)).values())
    return (Fate.DONE if done else Fate.AGAIN), notes


async def _drop_invalid(session: Session, oid: int) -> str | None:
    """Drop an index that nobody is building; its name, or null when it was not so."""
    table = await catalogue.table_of_invalid(session, oid)
    table_name = await catalogue.name_of(session, table) if table else None
    if table_name is None:
        return None
    await catalogue.await_builders(session, table_name)
    name = await catalogue.name_of(session, oid)
    if name is None or await catalogue.table_of_invalid(session, oid) is None:
        return None
    await catalogue.drop_index(session, name)
    return name


async def _decide_reindex(
    session: Session, facts: Mapping[str, Any]
) -> tuple[Fate, list[str]]:
    notes = []
    for oid in await catalogue.leftovers(session, facts["scope"], facts["oid"]):
        if oid not in facts["left"] and (dropped := await _drop_invalid(session, oid)):
            notes.append(f"dropped {dropped}, left by REINDEX CONCURRENTLY")  # noqa: PERF401 - each is awaited
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
    parent_name = await catalogue.name_of(session, parent) or ""
    name = await catalogue.name_of(session, partition) or ""
    await catalogue.finalise_detach(session, parent_name, name)
    return Fate.DONE, [f"finalised the detach of {name}"]


async def still_invalid(session: Session, image: Image) -> list[str]:
    """Names of our new indexes that are invalid although the statement succeeded."""
    if image.kind != "create_index" or image.facts["table"] is None:
        return []
    await session.execute(SEARCH_PATH)
    ours = await _ours(session, image.facts)
    names = [
        await catalogue.name_of(session, oid) for oid, ok in ours.items() if not ok
    ]
    return [name for name in names if name]
