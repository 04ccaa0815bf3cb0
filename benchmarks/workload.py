"""The migrations: the same SQL for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TABLE = """\
CREATE TABLE shop_{number} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
)"""
SIZE_OF_PADDING = 78


@dataclass(frozen=True, slots=True)
class Change:
    """One migration."""

    number: int
    name: str
    up: tuple[str, ...]
    down: tuple[str, ...]

    @property
    def version(self) -> str:
        """Five digits, so that every tool orders them alike."""
        return f"{self.number:05}"

    @property
    def up_script(self) -> str:
        """Its statements, each ended by a semicolon and a line's end."""
        return script(self.up)

    @property
    def down_script(self) -> str:
        """The same for the way back."""
        return script(self.down)


class Left(NamedTuple):
    """What migrations leave behind."""

    tables: int
    columns: int
    rows: int


def left_by(changes: Sequence[Change]) -> Left:
    """Count it from their statements; a table is made with two columns."""
    verbs = [change.up[0].split(" ", 1)[0] for change in changes]
    made = verbs.count("CREATE")
    columns = 2 * made + verbs.count("ALTER")
    return Left(made, columns, verbs.count("INSERT"))


def script(statements: Sequence[str]) -> str:
    return "".join(f"{statement};\n" for statement in statements)


def tables(count: int) -> list[Change]:
    """Three statements each: a table, an index, a comment."""
    return [
        Change(
            number,
            f"create_shop_{number}",
            (
                TABLE.format(number=number),
                f"CREATE INDEX shop_{number}_name_idx ON shop_{number} (name)",
                f"COMMENT ON TABLE shop_{number} IS 'what shop {number} sells'",
            ),
            (f"DROP TABLE shop_{number}",),
        )
        for number in range(1, count + 1)
    ]


def alterations(count: int, among: int = 10) -> list[Change]:
    """Columns and rows for tables that the first migrations make: no new indexes."""
    return [
        _create(number) if number <= among else _alter(number, number % among + 1)
        for number in range(1, count + 1)
    ]


def _create(number: int) -> Change:
    return Change(
        number,
        f"create_stock_{number}",
        (f"CREATE TABLE stock_{number} (id bigint PRIMARY KEY, amount integer)",),
        (f"DROP TABLE stock_{number}",),
    )


def _alter(number: int, table: int) -> Change:
    name = f"stock_{table}"
    if number % 2:
        return Change(
            number,
            f"add_column_{number}",
            (f"ALTER TABLE {name} ADD COLUMN c{number} integer NOT NULL DEFAULT 0",),
            (f"ALTER TABLE {name} DROP COLUMN c{number}",),
        )
    return Change(
        number,
        f"add_rows_{number}",
        (
            f"INSERT INTO {name} (id, amount) VALUES ({number}, 1)",
            f"UPDATE {name} SET amount = amount + 1 WHERE id = {number}",
        ),
        (f"DELETE FROM {name} WHERE id = {number}",),
    )


def write_native(
    changes: Sequence[Change], directory: Path, *, padding: int = 0
) -> Path:
    """Write them in asyncmigrate's own layout, *padding* bytes of comment in each."""
    directory.mkdir(parents=True)
    line = f"-- {'x' * (SIZE_OF_PADDING - 4)}\n"
    comment = line * (padding // SIZE_OF_PADDING)
    for change in changes:
        path = directory / f"{change.version}_{change.name}.sql"
        text = f"-- UP\n{comment}{change.up_script}\n-- DOWN\n{change.down_script}"
        path.write_text(text, encoding="utf-8")
    return directory
