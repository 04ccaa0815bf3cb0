"""The driver's exceptions, made into two that the engine knows.

A lost connection is told by the connection itself, never by an exception's type:
asyncpg raises `InternalClientError` for some (measured).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg


@dataclass(slots=True)
class StatementFailed(Exception):
    """The server refused a statement; the connection lives."""

    message: str
    sqlstate: str
    detail: str | None = None
    hint: str | None = None
    where: str | None = None
    """CONTEXT: the call stack inside the server."""
    position: int | None = None
    """0-based offset, in characters, into the text that was sent."""
    constraint: str | None = None
    table: str | None = None
    schema: str | None = None
    internal: bool = False
    """Whether the position lies in a query that the server itself generated."""
    unveiled: str = field(default="", repr=False)
    """The message as the server wrote it: for judging by, never to be shown."""

    def __str__(self) -> str:
        return self.message


class SessionLost(Exception):
    """The connection is gone; what was under way may or may not have committed."""


def describe(error: BaseException) -> str:
    """One line about *error* that names no secret."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split())


Veil = Callable[[str], str]
"""Takes out of a text what must not be shown."""

_TEXTS: Final = ("message", "detail", "hint", "context", "internal_query")


def _veil(error: asyncpg.PostgresError, veil: Veil) -> None:
    """Veil the driver's own error, which stays chained to what is made of it."""
    error.args = tuple(veil(str(each)) for each in error.args)
    for name in _TEXTS:
        if text := getattr(error, name, None):
            setattr(error, name, veil(text))
    # All that was sent, which is long, and has its placeholders filled in.
    vars(error)["query"] = None


def statement_failed(error: asyncpg.PostgresError, veil: Veil) -> StatementFailed:
    """The server's report as our own value."""
    unveiled = str(error.as_dict().get("message") or "")
    _veil(error, veil)
    fields = error.as_dict()
    position = fields.get("position")
    return StatementFailed(
        message=fields.get("message") or describe(error),
        sqlstate=fields.get("sqlstate") or "XX000",
        detail=fields.get("detail"),
        hint=fields.get("hint"),
        where=fields.get("context"),
        position=int(position) - 1 if position else None,
        constraint=fields.get("constraint_name"),
        table=fields.get("table_name"),
        schema=fields.get("schema_name"),
        internal=bool(fields.get("internal_query")),
        unveiled=unveiled,
    )


@contextmanager
def translated(connection: "asyncpg.Connection[Any]", veil: Veil) -> Iterator[None]:
    """Raise `SessionLost` or `StatementFailed` in place of the driver's exceptions.

    What the server says goes through *veil*, here once for all who show or store it.

    A connection that the server has given up, or that the driver finds in a state in
    which it takes no statement, is lost as well: it is dropped here.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        if not connection.is_closed() and _severity(error) not in {"FATAL", "PANIC"}:
            raise statement_failed(error, veil) from error
        connection.terminate()
        _veil(error, veil)
        raise SessionLost(describe(error)) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        connection.terminate()
        raise SessionLost(describe(error)) from error


def _severity(error: asyncpg.PostgresError) -> str:
    fields = error.as_dict()
    return str(fields.get("severity_en") or fields.get("severity") or "")
