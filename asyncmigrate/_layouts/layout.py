"""What a layout is: a name, how its files are recognised, and how they are read."""

from collections.abc import Callable
from dataclasses import dataclass

from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import MigrationFile, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a layout made of one listing; of a file that is a problem, nothing."""

    files: tuple[MigrationFile, ...]
    """In no particular order; two with one version are not this value's business."""
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()
    project: str = ""
    """Whose migrations these are, where a tool keeps those of several in one table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One tool's way to lay out migrations."""

    name: str
    """What the setting ``format`` calls it."""
    recognises: Callable[[Listing], bool]
    """Whether the files can be nobody else's. It may read them."""
    read: Callable[[Listing], Found]
    """Names and digests; a file that is a problem never hides another."""
    shape: str = ""
    """What its files are called, for people; as Markdown, like those below."""
    identity: str = ""
    """What makes two files the same migration."""
    transaction: str = ""
    """What is one transaction."""
    recognised: str = ""
    """What its files have that nobody else's have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Everything that the migrations directories hold."""

    files: tuple[MigrationFile, ...]
    """Versions in their order, then the repeatables by path."""
    problems: tuple[Problem, ...]
    """All of them, by file; what a file's text has to say comes from its `define`."""
    warnings: tuple[str, ...]
    layout: str
    """The name of the layout by which they were read."""
    project: str = ""
    """Whose they are, where a tool keeps those of several projects in one table."""
