"""What one statement is, as far as a migration's run must know.

Told from its words alone. Where only the server could tell (REINDEX or CLUSTER of a
partitioned table, DROP SUBSCRIPTION without a slot), the usual case is assumed.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from asyncmigrate._sql.statement_kind import (
    Control,
    CreateIndex,
    Database,
    DetachPartition,
    DropIndex,
    EnumValue,
    NonTransactional,
    Reindex,
    Setting,
    StatementKind,
    Target,
)
from asyncmigrate._sql.words import Words, is_false

__all__ = [
    "Control",
    "CreateIndex",
    "Database",
    "DetachPartition",
    "DropIndex",
    "EnumValue",
    "NonTransactional",
    "Reindex",
    "Setting",
    "StatementKind",
    "Target",
    "classify",
]

_NOTHING: Final = StatementKind()
_MOST_WORDS: Final = 6


def classify(text: str) -> StatementKind:
    """Say what one statement is; never raises."""
    words = Words(text)
    leading = words.leading(_MOST_WORDS)
    read = _READERS.get(words.next())
    kind = read(words) if read else _NOTHING
    return _plain(leading) if kind is _NOTHING else replace(kind, words=leading)


@lru_cache(maxsize=1 << 10)
def _plain(leading: tuple[str, ...]) -> StatementKind:
    """A statement of which there is no more to say than its words."""
    return StatementKind(words=leading)


def _outside(what: NonTransactional, target: Target | None = None) -> StatementKind:
    return StatementKind(transactional=False, what=what, target=target)


_OTHER: Final = _outside(NonTransactional.OTHER)

# --- transaction control ---------------------------------------------------------

_MODES: Final = (
    ("ISOLATION", "LEVEL", "READ", "COMMITTED"),
    ("ISOLATION", "LEVEL", "READ", "UNCOMMITTED"),
    ("ISOLATION", "LEVEL", "REPEATABLE", "READ"),
    ("ISOLATION", "LEVEL", "SERIALIZABLE"),
    ("READ", "ONLY"),
    ("READ", "WRITE"),
    ("NOT", "DEFERRABLE"),
    ("DEFERRABLE",),
)


def _modes(words: Words) -> str:
    found: list[str] = []
    while mode := next((it for it in _MODES if words.skip(*it)), None):
        found.append(" ".join(mode))
        words.skip(",")
    return ", ".join(found)


def _begin(words: Words) -> StatementKind:
    words.skip_one_of("WORK", "TRANSACTION")
    modes = _modes(words)
    return StatementKind(control="begin", modes=modes, plain=words.ended)


def _start(words: Words) -> StatementKind:
    return _begin(words) if words.peek() == "TRANSACTION" else _NOTHING


def _commit(words: Words) -> StatementKind:
    if words.skip("PREPARED"):
        return _OTHER
    return _end_of("commit", words)


def _rollback(words: Words) -> StatementKind:
    if words.skip("PREPARED"):
        return _OTHER
    return _end_of("rollback", words)


def _end_of(control: Control, words: Words) -> StatementKind:
    words.skip_one_of("WORK", "TRANSACTION")
    if control == "rollback" and words.skip("TO"):
        return StatementKind(control="rollback_to")
    words.skip("AND", "NO", "CHAIN")
    return StatementKind(control=control, plain=words.ended)


def _prepare(words: Words) -> StatementKind:
    if words.peek() == "TRANSACTION":
        return StatementKind(control="prepare")
    return _NOTHING


# --- the session -----------------------------------------------------------------

_ALIASES: Final = {
    ("TIME", "ZONE"): "timezone",
    ("SCHEMA",): "search_path",
    ("NAMES",): "client_encoding",
    ("XML", "OPTION"): "xmloption",
    ("SESSION", "AUTHORIZATION"): "session_authorization",
    ("SESSION", "CHARACTERISTICS"): "session_characteristics",
    ("AUTHORIZATION",): "session_authorization",
    ("CHARACTERISTICS",): "session_characteristics",
}


def _set(words: Words) -> StatementKind:
    if words.peek() == "CONSTRAINTS":
        return _NOTHING
    is_local = words.skip("LOCAL")
    if not is_local and words.peek(1) not in {"=", "TO", "."}:
        words.skip("SESSION")
    if words.skip("TRANSACTION"):
        modes = _modes(words)
        understood = bool(modes) and words.ended
        return StatementKind(sets_transaction=understood, modes=modes)
    for alias, name in _ALIASES.items():
        if words.peek(len(alias)) not in {"=", "TO", "."} and words.skip(*alias):
            return StatementKind(sets=Setting(name, is_local))
    parts = words.name()
    if parts is None:
        return _NOTHING
    return StatementKind(sets=Setting(".".join(parts).lower(), is_local))


def _reset(words: Words) -> StatementKind:
    return StatementKind(resets_session=words.peek() == "ALL")


def _discard(words: Words) -> StatementKind:
    if words.peek() == "ALL":
        return replace(_OTHER, resets_session=True)
    return StatementKind(resets_session=True)


def _load(_: Words) -> StatementKind:
    return StatementKind(new_session=True)


def _uncertain(_: Words) -> StatementKind:
    return StatementKind(uncertain=True)


def _copy(words: Words) -> StatementKind:
    depth = 0
    while not words.ended:
        word = words.next()
        depth += (word == "(") - (word == ")")
        if not depth and word in {"FROM", "TO"}:
            streams = words.peek() in {"STDIN", "STDOUT"}
            return StatementKind(
                copies_stdin=streams and word == "FROM",
                copies_stdout=streams and word == "TO",
            )
    return _NOTHING


# --- objects ---------------------------------------------------------------------


def _create(words: Words) -> StatementKind:
    read = _CREATES.get(words.next())
    return read(words) if read else _NOTHING


def _create_unique(words: Words) -> StatementKind:
    return _create_index(words, unique=True) if words.skip("INDEX") else _NOTHING


def _create_database(words: Words) -> StatementKind:
    return _outside(NonTransactional.CREATE_DATABASE, Database(name=words.name()))


def _create_tablespace(words: Words) -> StatementKind:
    return _outside(NonTransactional.CREATE_TABLESPACE, Database(name=words.name()))


def _create_index(words: Words, *, unique: bool = False) -> StatementKind:
    if not words.skip("CONCURRENTLY"):
        return _NOTHING
    if_not_exists = words.skip("IF", "NOT", "EXISTS")
    index = None if words.peek() == "ON" else words.name()
    words.skip("ON")
    words.skip("ONLY")
    return _outside(
        NonTransactional.CREATE_INDEX,
        CreateIndex(
            index=index,
            table=words.name(),
            unique=unique,
            if_not_exists=if_not_exists,
        ),
    )


def _create_subscription(words: Words) -> StatementKind:
    target = Database(name=words.name())
    options = _with_options(words)
    makes_slot = options.get("create_slot", options.get("connect", "TRUE"))
    if is_false(makes_slot):
        return _NOTHING
    return _outside(NonTransactional.CREATE_SUBSCRIPTION, target)


_CREATES: Final[dict[str, Callable[[Words], StatementKind]]] = {
    "DATABASE": _create_database,
    "INDEX": _create_index,
    "SUBSCRIPTION": _create_subscription,
    "TABLESPACE": _create_tablespace,
    "UNIQUE": _create_unique,
}


def _with_options(words: Words) -> dict[str, str]:
    while not words.ended:
        if words.next() == "WITH" and words.peek() == "(":
            return words.options()
    return {}


def _drop(words: Words) -> StatementKind:
    if words.skip("INDEX", "CONCURRENTLY"):
        if_exists = words.skip("IF", "EXISTS")
        return _outside(
            NonTransactional.DROP_INDEX,
            DropIndex(indexes=words.names(), if_exists=if_exists),
        )
    if words.skip("DATABASE"):
        if_exists = words.skip("IF", "EXISTS")
        return _outside(
            NonTransactional.DROP_DATABASE,
            Database(name=words.name(), if_exists=if_exists),
        )
    for word, what in (
        ("TABLESPACE", NonTransactional.DROP_TABLESPACE),
        ("SUBSCRIPTION", NonTransactional.DROP_SUBSCRIPTION),
    ):
        if words.skip(word):
            if_exists = words.skip("IF", "EXISTS")
            return _outside(what, Database(name=words.name(), if_exists=if_exists))
    return _NOTHING


def _alter(words: Words) -> StatementKind:
    read = _ALTERS.get(words.next())
    return read(words) if read else _NOTHING


def _alter_system(_: Words) -> StatementKind:
    return _outside(NonTransactional.ALTER_SYSTEM)


def _alter_database(words: Words) -> StatementKind:
    words.name()
    if words.skip("SET", "TABLESPACE"):
        return _OTHER
    return StatementKind(new_session=words.peek() in {"SET", "RESET"})


def _alter_role(words: Words) -> StatementKind:
    words.name()
    if words.skip("IN", "DATABASE"):
        words.name()
    return StatementKind(new_session=words.peek() in {"SET", "RESET"})


def _alter_table(words: Words) -> StatementKind:
    words.skip("IF", "EXISTS")
    words.skip("ONLY")
    parent = words.name()
    words.skip("*")
    if not words.skip("DETACH", "PARTITION"):
        return _NOTHING
    partition = words.name()
    if not words.skip("CONCURRENTLY"):
        return _NOTHING
    return _outside(
        NonTransactional.DETACH_PARTITION,
        DetachPartition(parent=parent, partition=partition),
    )


def _alter_type(words: Words) -> StatementKind:
    name = words.name()
    if not words.skip("ADD", "VALUE"):
        return _NOTHING
    words.skip("IF", "NOT", "EXISTS")
    return StatementKind(enum_value_added=EnumValue(name, words.next()))


def _alter_subscription(words: Words) -> StatementKind:
    words.name()
    if words.skip("REFRESH"):
        return _OTHER
    if words.peek(1) == "PUBLICATION" and words.skip_one_of("SET", "ADD", "DROP"):
        refresh = _with_options(words).get("refresh", "TRUE")
        return _NOTHING if is_false(refresh) else _OTHER
    if words.skip("SET") and words.options().keys() & {"failover", "two_phase"}:
        return _OTHER
    return _NOTHING


_ALTERS: Final[dict[str, Callable[[Words], StatementKind]]] = {
    "DATABASE": _alter_database,
    "ROLE": _alter_role,
    "SUBSCRIPTION": _alter_subscription,
    "SYSTEM": _alter_system,
    "TABLE": _alter_table,
    "TYPE": _alter_type,
    "USER": _alter_role,
}


def _vacuum(_: Words) -> StatementKind:
    return _outside(NonTransactional.VACUUM)


def _cluster(words: Words) -> StatementKind:
    words.options()
    words.skip("VERBOSE")
    return _OTHER if words.ended else _NOTHING


def _reindex(words: Words) -> StatementKind:
    concurrently = not is_false(words.options().get("concurrently", "OFF"))
    object_type = words.next()
    concurrently = words.skip("CONCURRENTLY") or concurrently
    if not concurrently and object_type not in {"SCHEMA", "DATABASE", "SYSTEM"}:
        return _NOTHING
    target = Reindex(
        object_type=object_type, name=words.name(), concurrently=concurrently
    )
    return _outside(NonTransactional.REINDEX, target)


_READERS: Final[dict[str, Callable[[Words], StatementKind]]] = {
    "ABORT": _rollback,
    "ALTER": _alter,
    "BEGIN": _begin,
    "CALL": _uncertain,
    "CLUSTER": _cluster,
    "COMMIT": _commit,
    "COPY": _copy,
    "CREATE": _create,
    "DISCARD": _discard,
    "DO": _uncertain,
    "DROP": _drop,
    "END": _commit,
    "LOAD": _load,
    "PREPARE": _prepare,
    "REINDEX": _reindex,
    "RELEASE": lambda _: StatementKind(control="release"),
    "RESET": _reset,
    "ROLLBACK": _rollback,
    "SAVEPOINT": lambda _: StatementKind(control="savepoint"),
    "SET": _set,
    "START": _start,
    "VACUUM": _vacuum,
}
