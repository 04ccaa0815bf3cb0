"""The layouts of other tools, each with a directory laid out as the tool documents it."""

from pathlib import Path

from asyncmigrate._layouts import LAYOUTS, Layout
from asyncmigrate._migration import MigrationFile, Unreadable
from tests.layouts.disk import Disk

HERE = Path(__file__).parent
FOREIGN = [layout for layout in LAYOUTS if layout.name != "native"]
NAMED_ONLY = {"golang-migrate", "golang-migrate-names", "sqlx"}
"""Those whose files could as well be ours."""


def fixture_of(layout: Layout) -> Path:
    """The directory of migrations in a layout's folder."""
    path = HERE / layout.name.replace("-", "_") / "fixture"
    return path / "supabase" / "migrations" if layout.name == "supabase" else path


def row_of(file: MigrationFile) -> tuple[str, str, str, str, bool]:
    """A migration in one line: version, key, name, transaction, whether it has a DOWN."""
    definition = file.define()
    options = definition.up.options
    policy = {
        (None, False): "one",
        (None, True): "own blocks",
        (False, True): "one by one",
    }[options.transaction, options.blocks]
    if options.placeholders:
        policy += f", {options.placeholders}"
    return file.label, file.key, file.name, policy, definition.down is not None


def wrong_in(file: MigrationFile) -> list[str]:
    """What the text of a migration has wrong, a line each; nothing when it is right."""
    try:
        file.define()
    except Unreadable as error:
        return [str(problem) for problem in error.problems]
    return []


def told(disk: Disk, layout: str) -> list[str]:
    """Everything wrong with a directory, names and texts, a line each."""
    source = disk.read(format=layout)
    lines = [str(problem) for problem in source.problems]
    assert all(problem.hint for problem in source.problems)
    return lines + [line for file in source.files for line in wrong_in(file)]


def rows(disk: Disk, layout: str) -> list[tuple[str, str, str, str, bool]]:
    """The migrations of a directory that is right, a line each."""
    source = disk.read(format=layout)
    assert source.problems == ()
    return [row_of(file) for file in source.files]
