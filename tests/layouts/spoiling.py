"""Directories as they should not be: cut short, spliced, filled with rubbish."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from asyncmigrate._engine.scripts import make_ready
from asyncmigrate._layouts import read_directory
from asyncmigrate._migration import Unreadable
from asyncmigrate._plan import Apply
from asyncmigrate._settings import Settings
from tests.layouts.formats import FOREIGN, HERE, fixture_of

ROOT = HERE.parents[1]
SCRIPTS = HERE.parent / "sql" / "scripts"


def _files(directory: Path) -> dict[str, bytes]:
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


DIRECTORIES = {layout.name: _files(fixture_of(layout)) for layout in FOREIGN}
DIRECTORIES["native"] = _files(ROOT / "migrations") | {
    f"2027010{number}_{path.name}": path.read_bytes()
    for number, path in enumerate(sorted(SCRIPTS.glob("*.sql")))
}
"""A sound directory of each layout."""

WHOLES = sorted(
    {text for files in DIRECTORIES.values() for text in files.values()},
    key=lambda text: (len(text), text),
)


@st.composite
def spoiled_text(draw: st.DrawFn, text: bytes) -> bytes:
    """The text with one thing done to it, anywhere, in the middle of a character too."""
    at = draw(st.integers(0, len(text)))
    to = draw(st.integers(at, len(text)))
    other = draw(st.sampled_from(WHOLES) | st.binary(max_size=20))
    begin = draw(st.integers(0, len(other)))
    how = draw(st.sampled_from(("truncated", "headless", "spliced", "inserted", "cut")))
    return {
        "truncated": text[:at],
        "headless": text[at:],
        "spliced": text[:at] + other[begin:],
        "inserted": text[:at] + other + text[at:],
        "cut": text[:at] + text[to:],
    }[how]


@st.composite
def spoiled_directories(draw: st.DrawFn) -> tuple[str, dict[str, bytes]]:
    """A layout, and a directory of it in which a file or two are spoiled or misplaced."""
    layout = draw(st.sampled_from(sorted(DIRECTORIES)))
    files = dict(DIRECTORIES[layout])
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(files)))
        text = draw(spoiled_text(files[name]))
        if draw(st.integers(0, 4)) == 0:
            del files[name]
            name = draw(st.sampled_from(sorted(DIRECTORIES[layout])))
        files[name] = text
    return layout, files


def read_or_refuse(layout: str | None, files: Mapping[str, bytes]) -> None:
    """Read all of it as a run does; what is refused must be refused with its place."""
    with tempfile.TemporaryDirectory() as path:
        for name, content in files.items():
            file = Path(path, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        source = read_directory([path], format=layout)
        problems = list(source.problems)
        for migration in source.files:
            try:
                definition = migration.define()
            except Unreadable as error:
                problems += error.problems
                continue
            step = Apply(file=migration, definition=definition)
            _, conflicts = make_ready(step, Settings())
            assert all(each.message and each.file for each in conflicts)
        for problem in problems:
            assert problem.message
            assert problem.file
            # A file that is wanting has a name, but no lines.
            there = problem.file in files
            assert problem.line is None or (there and problem.line >= 1)
