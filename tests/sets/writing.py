"""How a set of migrations is put down: names and texts, in the order of writing."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from textwrap import dedent

Texts = dict[str, str]
"""File name, below the directory, to text."""


def _text(sql: str) -> str:
    return dedent(sql).strip("\n") + "\n"


class Pairs:
    """`1_create_users.up.sql` and `1_create_users.down.sql`: numbers without padding."""

    def __init__(self) -> None:
        self.texts: Texts = {}
        self._number = 0

    def add(self, name: str, up: str, down: str) -> None:
        self._number += 1
        self.texts[f"{self._number}_{name}.up.sql"] = _text(up)
        self.texts[f"{self._number}_{name}.down.sql"] = _text(down)


class Sections:
    """One file with `-- UP` and `-- DOWN` for each migration."""

    def __init__(self, versions: Iterator[str]) -> None:
        self.texts: Texts = {}
        self._versions = versions

    def add(self, name: str, up: str, down: str) -> None:
        version = next(self._versions)
        text = f"-- UP\n{_text(up)}\n-- DOWN\n{_text(down)}"
        self.texts[f"{version}_{name}.sql"] = text


def timestamps() -> Iterator[str]:
    """`20210104091700`, a few days apart."""
    at = datetime(2021, 1, 4, 9, 17)  # noqa: DTZ001 - a file name knows no zone
    while True:
        yield f"{at:%Y%m%d%H%M%S}"
        at += timedelta(days=3, hours=5, minutes=11, seconds=29)


def dates() -> Iterator[str]:
    """`20240102_001`, two files on each day; the second `_2`, then `_10`."""
    day = date(2024, 1, 2)
    while True:
        yield f"{day:%Y%m%d}_2"
        yield f"{day:%Y%m%d}_10"
        day += timedelta(days=9)


def flip(statements: str) -> str:
    """The same lines, last first: what was made last goes first."""
    return "\n".join(reversed(statements.strip().splitlines()))
