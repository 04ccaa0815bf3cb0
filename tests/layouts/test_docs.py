"""The page about layouts says what the registry says."""

from pathlib import Path

from asyncmigrate._layouts import LAYOUTS

PAGE = Path(__file__).parents[2] / "docs" / "layouts.md"
HEAD = "| `format` |"


def table() -> list[str]:
    """The rows that the page must have."""
    return [
        f"| `{it.name}` | {it.shape} | {it.identity} | {it.transaction} | {it.recognised} |"
        for it in sorted(LAYOUTS, key=lambda it: it.name)
    ]


def test_the_table_of_the_page_is_that_of_the_registry() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith(HEAD)) + 2
    end = next(at for at in range(begin, len(lines)) if not lines[at])

    assert lines[begin:end] == table()
