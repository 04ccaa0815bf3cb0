"""The two directions of another tool's migration, as a layout reads them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from asyncmigrate._migration import Options, Problem

OWN_BLOCKS: Final = Options(blocks=True)
"""The tool sends the text as one query, and opens no transaction."""
ONE_BY_ONE: Final = Options(transaction=False, blocks=True)
"""The tool sends statement by statement, and opens no transaction."""


class Half(NamedTuple):
    """One direction of a migration, as it stands in a file."""

    file: str
    text: str
    line: int = 1
    options: Options = Options()


@dataclass(slots=True)
class Halves:
    """What a layout reads from the texts of one migration."""

    up: Half
    down: Half | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, halves: Sequence[Half], problems: Sequence[Problem] = ()) -> "Halves":
        """The UP, and the DOWN where there is one."""
        up, *down = halves
        return cls(up, down[0] if down else None, list(problems))
