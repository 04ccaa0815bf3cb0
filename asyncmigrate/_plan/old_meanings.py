"""What the rows of another tool's table say, tool by tool.

Which migrations stand applied, up to where everything does, and what keeps the
history from being taken over, with the tool's own remedy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from asyncmigrate._foreign import OldRow
from asyncmigrate._migration import order_of


class Obstacle(NamedTuple):
    """Why a history cannot be taken over as it stands."""

    key: str
    message: str
    hint: str


@dataclass(slots=True)
class Meaning:
    """What the rows of a table say."""

    applied: list[OldRow] = field(default_factory=list)
    """In the tool's order; of each migration one."""
    obstacles: list[Obstacle] = field(default_factory=list)
    upto: str | None = None
    """Everything up to this key counts as applied, on trust."""

    @property
    def head(self) -> str | None:
        """Where the tool stands; null when it has applied nothing."""
        return self.applied[-1].key if self.applied else self.upto


def everything(rows: Sequence[OldRow]) -> Meaning:
    """Every row is a migration that is applied."""
    return Meaning(applied=list(rows))


def golang_migrate(rows: Sequence[OldRow]) -> Meaning:
    """One row: everything up to it. Below zero nothing is applied."""
    found = Meaning()
    for row in rows:
        if row.state == "dirty":
            message = f"version {row.key} is dirty: its script failed half way"
            hint = (
                "finish or undo by hand what the script left, tell golang-migrate with"
                " `migrate force VERSION`, and adopt again"
            )
            found.obstacles.append(Obstacle(row.key, message, hint))
        elif not row.key.startswith("-"):
            found.applied.append(row)
            found.upto = row.key
    return found


def goose(rows: Sequence[OldRow]) -> Meaning:
    """The newest row of each version decides; version 0 is only a marker."""
    newest = {row.key: row for row in rows if row.key != "0"}
    kept = [row for row in newest.values() if row.state == "applied"]
    return Meaning(applied=sorted(kept, key=lambda row: int(row.key)))


def sqlx(rows: Sequence[OldRow]) -> Meaning:
    """A row without success is a migration that was applied in part."""
    found = Meaning()
    for row in rows:
        if row.state == "applied":
            found.applied.append(row)
            continue
        message = f"migration {row} is dirty: it was applied in part"
        hint = (
            "undo by hand what the script left and delete its row from sqlx's table,"
            " or finish it and set the row's `success`; then adopt again"
        )
        found.obstacles.append(Obstacle(row.key, message, hint))
    return found


_BASELINES: Final = frozenset({"BASELINE", "SQL_BASELINE"})


def flyway(rows: Sequence[OldRow]) -> Meaning:
    """Later rows win: one that deletes, undoes or applies again."""
    standing: dict[str, OldRow] = {}
    found = Meaning()
    for row in rows:
        if row.kind == "SCHEMA":
            continue
        key = dotted(row.key) if row.key else f"R:{row.label}"
        standing.pop(key, None)
        if row.state == "failed":
            message = f"migration {row} failed"
            hint = (
                "undo by hand what the script left, run `flyway repair`, and adopt"
                " again"
            )
            found.obstacles.append(Obstacle(row.key, message, hint))
        elif row.kind in _BASELINES:
            found.upto = _higher(found.upto, key)
        elif row.kind != "DELETE" and not row.kind.startswith("UNDO"):
            standing[key] = row if row.key else row._replace(key=key)
    found.applied = sorted(standing.values(), key=_place)
    return found


def _place(row: OldRow) -> tuple[object, ...]:
    # A repeatable is no place at which Flyway could stand.
    return (not row.key.startswith("R:"), order_of(f"n:{dotted(row.key)}"))


def _higher(one: str | None, other: str) -> str:
    if one is None:
        return other
    return max(one, other, key=lambda key: order_of(f"n:{key}"))


def dotted(text: str) -> str:
    """Flyway's version, in which ``1.0``, ``1`` and ``001`` are one."""
    parts = text.replace("_", ".").split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        return text
    numbers = [str(int(part)) for part in parts]
    while len(numbers) > 1 and numbers[-1] == "0":
        numbers.pop()
    return ".".join(numbers)


def prisma(rows: Sequence[OldRow]) -> Meaning:
    """A name may have several rows; one that was finished and not undone counts."""
    found = Meaning()
    names: dict[str, OldRow] = {}
    for row in rows:
        if row.state == "applied":
            names[row.key] = row
        elif row.state == "failed":
            message = f"migration {row.key} failed, and was neither finished nor undone"
            hint = (
                f"settle it with `prisma migrate resolve --rolled-back {row.key}`, or"
                f" `--applied {row.key}`, and adopt again"
            )
            found.obstacles.append(Obstacle(row.key, message, hint))
    found.applied = list(names.values())
    return found


def alembic(rows: Sequence[OldRow]) -> Meaning:
    """Each row is a head; a history with several has not been brought together."""
    found = everything(rows)
    if len(rows) > 1:
        heads = " and ".join(row.key for row in rows)
        hint = "bring them together: `alembic merge heads`, then `alembic upgrade head`"
        message = f"the database stands at several heads, {heads}"
        found.obstacles.append(Obstacle(rows[-1].key, message, hint))
    return found


def tern(rows: Sequence[OldRow]) -> Meaning:
    """One row: the number of the newest migration; 0 is none."""
    return Meaning(applied=[row for row in rows if row.key != "0"])
