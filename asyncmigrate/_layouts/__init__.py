"""From directories to migrations. To add a layout: a module, and a line in `LAYOUTS`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import Final

from asyncmigrate._layouts.dbmate import DBMATE
from asyncmigrate._layouts.diesel import DIESEL
from asyncmigrate._layouts.flyway import FLYWAY
from asyncmigrate._layouts.golang_migrate import BY_NAME, GOLANG_MIGRATE
from asyncmigrate._layouts.goose import GOOSE
from asyncmigrate._layouts.graphile_migrate import GRAPHILE_MIGRATE
from asyncmigrate._layouts.layout import Found, Layout, Source
from asyncmigrate._layouts.listing import Listing, list_directory
from asyncmigrate._layouts.native import NATIVE
from asyncmigrate._layouts.prisma import PRISMA
from asyncmigrate._layouts.sqitch import SQITCH
from asyncmigrate._layouts.sql_migrate import SQL_MIGRATE
from asyncmigrate._layouts.sqlx import SQLX
from asyncmigrate._layouts.supabase import SUPABASE
from asyncmigrate._migration import Kind, MigrationFile, Problem
from asyncmigrate.errors import InvalidSetting

__all__ = [
    "LAYOUTS",
    "Layout",
    "Source",
    "read_directory",
    "read_listing",
]

LAYOUTS: Final[tuple[Layout, ...]] = (
    FLYWAY,
    PRISMA,
    DIESEL,
    SQITCH,
    GRAPHILE_MIGRATE,
    GOOSE,
    DBMATE,
    SQL_MIGRATE,
    SUPABASE,
    SQLX,
    GOLANG_MIGRATE,
    BY_NAME,
    NATIVE,
)
"""Every layout, the most specific first, ours last."""


def read_directory(
    directories: Sequence[str],
    *,
    format: str | None = None,  # noqa: A002 - the setting's name
    skip: Sequence[str] = (),
) -> Source:
    """List the migrations of all *directories*, by the layout called *format*.

    Without one it is recognised, each directory by its files. Files whose name or path
    is like a pattern of *skip* are left out, with a warning. Nothing is parsed; a
    problem with one file hides no other.

    Raises:
        InvalidSetting: there is no layout of that name.
    """
    named = _layout(format)
    skipped: list[str] = []
    listings = [_without(_list(each), skip, skipped) for each in directories]
    problems = [problem for listing in listings for problem in listing.problems]
    found: list[tuple[Listing, Found]] = []
    layouts: dict[str, None] = {}
    for listing in listings:
        layout = named or _recognise(listing, problems)
        if layout:
            if listing.files:
                layouts[layout.name] = None
            found.append((listing, layout.read(listing)))
    if len(layouts) > 1:
        problems.append(_unclear(", ".join(directories), layouts))
    problems += chain.from_iterable(each.problems for _, each in found)
    problems += _twice(found)
    warnings = [*skipped, *chain.from_iterable(each.warnings for _, each in found)]
    warnings += [
        f"there are no migrations in {listing.directory}"
        for listing, each in found
        if not (each.files or each.problems or listing.problems)
    ]
    return Source(
        files=tuple(sorted((f for _, e in found for f in e.files), key=_place)),
        problems=tuple(sorted(problems, key=lambda p: (p.file, p.line or 0))),
        warnings=tuple(warnings),
        layout=next(iter(layouts), NATIVE.name),
        project=next((each.project for _, each in found if each.project), ""),
    )


def read_listing(listing: Listing, *, format: str) -> Source:  # noqa: A002 - the setting's name
    """Read one listing, wherever it comes from, by the layout called *format*."""
    layout = _layout(format)
    found = layout.read(listing) if layout else Found(files=(), problems=())
    return Source(
        files=tuple(sorted(found.files, key=_place)),
        problems=(*listing.problems, *found.problems),
        warnings=found.warnings,
        layout=format,
    )


def _layout(name: str | None) -> Layout | None:
    if name is None:
        return None
    known = {layout.name: layout for layout in LAYOUTS}
    if name not in known:
        message = f"there is no layout `{name}`"
        raise InvalidSetting(message, hint=f"known: {', '.join(known)}")
    return known[name]


def _list(directory: str) -> Listing:
    if directory.startswith("package:"):
        # Importing importlib.resources costs more than listing a thousand files.
        from asyncmigrate._layouts.packages import list_package  # noqa: PLC0415

        return list_package(directory)
    return list_directory(directory)


def _without(listing: Listing, patterns: Sequence[str], said: list[str]) -> Listing:
    """Leave out the files that are to be skipped, and say so."""
    if not patterns:
        return listing

    def is_skipped(file: str) -> bool:
        names = (file, file.rpartition("/")[2])
        return any(fnmatchcase(name, each) for name in names for each in patterns)

    left_out = [file for file in listing.files if is_skipped(file)]
    said += (f"{file} is skipped, as the setting `skip` says" for file in left_out)
    kept = tuple(file for file in listing.files if file not in left_out)
    return replace(listing, files=kept)


def _recognise(listing: Listing, problems: list[Problem]) -> Layout | None:
    """Find the one layout; with two of them, ask."""
    claims = [it.name for it in LAYOUTS if it is not NATIVE and it.recognises(listing)]
    if len(claims) > 1:
        problems.append(_unclear(listing.directory, claims))
        return None
    return _layout(claims[0]) if claims else NATIVE


def _unclear(directory: str, names: Iterable[str]) -> Problem:
    message = f"the files could be those of {' and of '.join(names)}"
    hint = "say which: `--format NAME`, or `format` in the settings"
    return Problem(message, directory, hint=hint)


def _twice(found: Sequence[tuple[Listing, Found]]) -> Iterator[Problem]:
    """Report each version, and each repeatable, that more than one file claims."""
    claims: dict[tuple[Kind, str], list[tuple[Listing, MigrationFile]]] = {}
    for listing, each in found:
        for file in each.files:
            claims.setdefault((file.kind, file.key), []).append((listing, file))
    for (kind, _), claimants in claims.items():
        if len(claimants) == 1:
            continue
        last = claimants[-1][1]
        many = len({listing.directory for listing, _ in claimants}) > 1
        shown = [
            f"`{where.shown(file.file) if many else file.file}`"
            for where, file in claimants
        ]
        if kind is Kind.REPEATABLE:
            message = f"{' and '.join(shown)} are one repeatable by their paths"
            hint = "rename one of them"
        else:
            message = f"{' and '.join(shown)} have one version, {last.label}"
            hint = "renumber the one that is not applied yet"
        yield Problem(message, last.file, hint=hint)


def _place(file: MigrationFile) -> tuple[bool, object, str]:
    """Versions by number, then repeatables by path."""
    if file.version is None:
        return True, (), file.file
    return False, file.version.order, file.file
