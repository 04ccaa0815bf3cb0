"""What there is to say about a statement: the values that `kinds` fills in."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from asyncmigrate._sql.words import Name

Control = Literal[
    "begin", "commit", "rollback", "prepare", "savepoint", "release", "rollback_to"
]


class NonTransactional(StrEnum):
    """The statements that cannot be in a transaction, by how they are recovered."""

    CREATE_INDEX = "CREATE INDEX CONCURRENTLY"
    DROP_INDEX = "DROP INDEX CONCURRENTLY"
    REINDEX = "REINDEX"
    DETACH_PARTITION = "ALTER TABLE … DETACH PARTITION … CONCURRENTLY"
    VACUUM = "VACUUM"
    CREATE_DATABASE = "CREATE DATABASE"
    DROP_DATABASE = "DROP DATABASE"
    ALTER_SYSTEM = "ALTER SYSTEM"
    CREATE_SUBSCRIPTION = "CREATE SUBSCRIPTION"
    DROP_SUBSCRIPTION = "DROP SUBSCRIPTION"
    CREATE_TABLESPACE = "CREATE TABLESPACE"
    DROP_TABLESPACE = "DROP TABLESPACE"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIndex:
    """What CREATE INDEX CONCURRENTLY names."""

    index: Name | None
    """None: the server will find a name. Never qualified."""
    table: Name | None
    unique: bool
    if_not_exists: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIndex:
    """What DROP INDEX CONCURRENTLY names."""

    indexes: tuple[Name, ...]
    if_exists: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindex:
    """What a REINDEX that cannot be in a transaction names."""

    object_type: str
    """INDEX, TABLE, SCHEMA, DATABASE or SYSTEM."""
    name: Name | None
    concurrently: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachPartition:
    """What ALTER TABLE … DETACH PARTITION … CONCURRENTLY names."""

    parent: Name | None
    partition: Name | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What CREATE or DROP of a database, a tablespace or a subscription names."""

    name: Name | None
    if_exists: bool = False


Target = CreateIndex | DropIndex | Reindex | DetachPartition | Database


@dataclass(frozen=True, slots=True)
class Setting:
    """What a SET sets."""

    name: str
    """In lower case; SET TIME ZONE and its like by the setting behind them."""
    is_local: bool


@dataclass(frozen=True, slots=True)
class EnumValue:
    """What ALTER TYPE … ADD VALUE adds."""

    type: Name | None
    label: str
    """As it is spelt, quotes included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementKind:
    """What one statement is."""

    words: tuple[str, ...] = ()
    """The words that it begins with, in upper case, at most six."""
    control: Control | None = None
    plain: bool = True
    """Of a control statement: all of it was understood, and there is no AND CHAIN."""
    modes: str = ""
    """The transaction's modes in BEGIN or SET TRANSACTION, as BEGIN takes them."""
    sets_transaction: bool = False
    """SET TRANSACTION with modes; SET SESSION CHARACTERISTICS is in `sets`."""
    transactional: bool = True
    uncertain: bool = False
    """CALL or DO: outside a transaction nobody can say how far it came."""
    what: NonTransactional | None = None
    target: Target | None = None
    sets: Setting | None = None
    resets_session: bool = False
    """RESET ALL or DISCARD."""
    new_session: bool = False
    """Its effect can neither be undone by a reset nor, partly, be seen before it."""
    copies_stdin: bool = False
    copies_stdout: bool = False
    enum_value_added: EnumValue | None = None
