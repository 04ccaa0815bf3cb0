"""New migrations: the next version in the style at hand, the file's name, its text."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from asyncmigrate._layouts.names import parse_stem, parse_version
from asyncmigrate._migration import Version
from asyncmigrate.errors import InvalidUsage

_DAY: Final = "%Y%m%d"
_SECOND: Final = "%Y%m%d%H%M%S"
_LONGEST: Final = 60
"""Characters of a name; of up to four bytes each, so that a file system takes them."""

_SQL: Final = """-- {version}: {title}

-- UP


-- DOWN

"""
_UP_HALF: Final = "-- {version}: {title}\n\n"
_DOWN_HALF: Final = "-- Undo {version}: {title}\n\n"
_PYTHON: Final = '''"""{title}."""

import asyncpg


async def up(connection: asyncpg.Connection) -> None:
    """Everything here is one transaction; `transaction = False` says otherwise."""
    raise NotImplementedError


async def down(connection: asyncpg.Connection) -> None:
    """Undo it; without this function the migration cannot be rolled back."""
    raise NotImplementedError
'''


def next_version(existing: Iterable[str], now: datetime) -> str:
    """Give a version above all *existing* ones, written as the newest of them is.

    Date and number (``20260315_001``, also for an empty directory), date and time
    (``20260315_093000``), one number of date and time, or a number of as many digits.
    Versions of other layouts are passed over.
    """
    versions = [version for text in existing if (version := parse_version(text))]
    if not versions:
        return f"{now:{_DAY}}_001"
    newest = max(versions, key=lambda version: version.order)
    first, _, second = newest.text.partition("_")
    if _is_date(first, _DAY):
        return _dated(first, second, now)
    if _is_date(first, _SECOND):
        return max(f"{now:{_SECOND}}", str(int(first) + 1))
    return _one_more(first)


def _dated(date: str, second: str, now: datetime) -> str:
    """Continue dates; when the newest is of a day to come, continue that day."""
    today = f"{now:{_DAY}}"
    if len(second) == len("HHMMSS"):
        newest = datetime.strptime(date, _DAY)  # noqa: DTZ007 - a day, wherever it is
        time = f"{now:%H%M%S}"
        if (today, time) > (date, second):
            return f"{today}_{time}"
        if second < "235959":
            return f"{date}_{_one_more(second)}"
        return f"{newest + timedelta(days=1):{_DAY}}_000000"
    if date < today:
        return f"{today}_{'1'.zfill(len(second) or 3)}"
    return f"{date}_{_one_more(second or '000')}"


def _one_more(digits: str) -> str:
    return str(int(digits) + 1).zfill(len(digits))


def _is_date(digits: str, form: str) -> bool:
    try:
        return f"{datetime.strptime(digits, form):{form}}" == digits  # noqa: DTZ007 - no time is computed with it
    except ValueError:
        return False


def slug(words: str) -> str:
    """Make a file's name of *words*: letters and digits of any script, and ``_``.

    Raises:
        InvalidUsage: nothing is left.
    """
    lowered = words.lower()
    spaced = "".join(c if c.isalnum() else " " for c in lowered)
    name = "_".join(spaced.split())[:_LONGEST].rstrip("_")
    if not name:
        message = f"no name can be made of {words!r}"
        raise InvalidUsage(message, hint="say in a few words what it does")
    return name


def new_files(
    version: str, words: str, *, python: bool = False, pair: bool = False
) -> Mapping[str, str]:
    """Give the file names of a new migration, and the text of each.

    Raises:
        InvalidUsage: no name can be made of *words*; Python in a pair.
    """
    if python and pair:
        message = "a Python migration is one file"
        raise InvalidUsage(message, hint="leave out `--pair` or `--python`")
    stem = _stem(version, slug(words))
    # A version in front: a comment of the word UP alone would be a marker.
    title = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    said = {"version": version, "title": title}
    if python:
        text = title.replace("\\", "\\\\").replace('"', "'")
        return {f"{stem}.py": _PYTHON.format(title=text[:1].upper() + text[1:])}
    if pair:
        return {
            f"{stem}.up.sql": _UP_HALF.format(**said),
            f"{stem}.down.sql": _DOWN_HALF.format(**said),
        }
    return {f"{stem}.sql": _SQL.format(**said)}


def _stem(version: str, name: str) -> str:
    """Keep digits at the beginning of *name* from becoming part of the version."""
    stem = f"{version}_{name}"
    parsed: tuple[Version, str] | None = parse_stem(stem)
    return stem if parsed and parsed[0].text == version else f"{version}__{name}"
