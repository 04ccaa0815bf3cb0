"""What a section's directives ask for, and how a stored DOWN keeps it.

Everything that the format will ever learn enters here: a new key is a line in
`_KEYS` and a field of `Options`.
"""

import math
from collections.abc import Callable
from typing import Any, Final

from asyncmigrate._durations import format_duration, parse_duration
from asyncmigrate._migration import Definition, Options, Part, Problem
from asyncmigrate._settings import nearest
from asyncmigrate._sql.placeholders import SYNTAXES
from asyncmigrate._sql.sections import Directive, Section, read_sections


def _switch(value: str) -> bool:
    return {"on": True, "off": False}[value]


def _limit(value: str) -> float:
    return math.inf if value == "off" else parse_duration(value)


def _syntax(value: str) -> str:
    if value not in SYNTAXES:
        raise ValueError
    return value


def _role(value: str) -> str:
    if not value or len(value.encode()) > 63:  # noqa: PLR2004 - NAMEDATALEN - 1
        raise ValueError
    return value


_DURATION: Final = "a duration such as `5s` or `10min`; `0` is no limit"
_Reader = tuple[Callable[[str], Any], str] | None
_KEYS: Final[dict[str, _Reader]] = {
    "transaction": (_switch, "`on` or `off`"),
    "blocks": (_switch, "`on` or `off`"),
    "placeholders": (_syntax, f"one of {', '.join(SYNTAXES)}"),
    "lock-timeout": (parse_duration, _DURATION),
    "block-limit": (_limit, "a duration such as `15s`, or `off`"),
    "statement-timeout": (parse_duration, _DURATION),
    "concurrent-timeout": (parse_duration, _DURATION),
    "role": (_role, "the name of a role"),
    "irreversible": None,
}
"""Of each key, how its value is read and what it wants; null takes no value."""


def options_of(section: Section, file: str) -> tuple[Options, list[Problem]]:
    """Read the directives that hold for *section*, those before the markers first."""
    given: dict[str, object] = {}
    seen: set[tuple[str, bool]] = set()
    problems: list[Problem] = []
    for directive in section.directives:
        key = directive.key
        if key.startswith("x-"):
            continue
        scope = (key, directive.line < section.line)
        if scope in seen:
            problems.append(_problem(directive, file, f"`{key}` is given twice"))
            continue
        seen.add(scope)
        try:
            given[key.replace("-", "_")] = _value(directive)
        except ValueError as error:
            problems.append(_problem(directive, file, *error.args))
    return (Options() if problems else Options(**given)), problems  # type: ignore[arg-type]  # each value went through its reader


def _value(directive: Directive) -> object:
    """Read one value; ValueError with a message and its hint."""
    key, value = directive.key, directive.value
    if key not in _KEYS:
        near = nearest(key, tuple(_KEYS))
        hint = f"did you mean `{near}`?" if near else f"known: {', '.join(_KEYS)}"
        message = f"there is no directive `{key}`"
        raise ValueError(message, hint)
    reader = _KEYS[key]
    if reader is None:
        if value is not None:
            message = f"`{key}` takes no value"
            raise ValueError(message, f"write `{key}` alone")
        return True
    read, wants = reader
    if value is None:
        message = f"`{key}` wants a value"
        raise ValueError(message, f"write `{key}=` and {wants}")
    try:
        return read(value)
    except (ValueError, KeyError):
        message = f"`{value}` is no value for `{key}`"
        raise ValueError(message, f"give {wants}") from None


def _problem(
    directive: Directive, file: str, message: str, hint: str | None = None
) -> Problem:
    return Problem(message, file, directive.line, directive.column, hint)


def stored_down(definition: Definition) -> str | None:
    """Give the DOWN as the database keeps it; null without one, and for Python."""
    down = definition.down
    return stored_text(down) if down and not down.python else None


def stored_text(down: Part) -> str:
    """Write a DOWN so that it keeps the directives that are no part of its text.

    They stand before the file's first marker and hold for the DOWN too. They are put
    in front, with the marker between.
    """
    if down.options == _own_options(down.text, down.file):
        return down.text
    return f"{_HEAD}{_directives(down.options)}\n{_MARKER}\n{down.text}"


def read_stored_down(text: str, file: str) -> Part:
    """Read back what `stored_down` gave; *file* is the name that errors tell."""
    head, marker, body = text.partition(f"\n{_MARKER}\n")
    if not marker or "\n" in head or not head.startswith(_HEAD):
        return Part(text=text, file=file, line=1, options=_own_options(text, file))
    options = _own_options(f"{head}\nSELECT 1;", file)
    return Part(text=body, file=file, line=1, options=options)


_SILENT: Final = Options()
_HEAD: Final = "-- asyncmigrate: "
_MARKER: Final = "-- DOWN"


def _own_options(text: str, file: str) -> Options:
    """Read the directives in *text* itself, which was read without a problem before."""
    if "asyncmigrate" not in text.lower():
        return _SILENT
    section = read_sections(text).up
    return options_of(section, file)[0] if section else Options()


def _directives(options: Options) -> str:
    """Write *options* as one line says them."""
    said: list[str] = []
    for key, reader in _KEYS.items():
        name = key.replace("-", "_")
        value = getattr(options, name)
        if value is None or value is getattr(_SILENT, name) or reader is None:
            continue
        if isinstance(value, bool):
            value = "on" if value else "off"
        elif isinstance(value, float):
            value = "off" if math.isinf(value) else format_duration(value)
        said.append(f"{key}={value}")
    return " ".join(said)
