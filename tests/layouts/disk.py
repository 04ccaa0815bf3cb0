"""A directory of migrations to write files into, and to read."""

from pathlib import Path

import pytest

from asyncmigrate._layouts import Source, read_directory
from asyncmigrate._migration import Definition, Problem, Unreadable


class Disk:
    """A directory of migrations under a temporary path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, file: str, content: str | bytes = "SELECT 1;\n") -> Path:
        """Write a file, and the folders that it stands in."""
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, **settings: str) -> Source:
        """Read the directory as the product does."""
        return read_directory([str(self.path)], **settings)

    def problems(self) -> list[str]:
        """What is wrong with the names, a line each."""
        return [str(problem) for problem in self.read().problems]

    def define(self) -> Definition:
        """The definition of the only migration."""
        source = self.read()
        assert source.problems == ()
        (file,) = source.files
        return file.define()

    def wrong(self) -> list[str]:
        """What the text of the only migration has wrong, a line each."""
        return [str(problem) for problem in self.refused()]

    def refused(self) -> tuple[Problem, ...]:
        """The same as problems."""
        with pytest.raises(Unreadable) as caught:
            self.define()
        return caught.value.problems
