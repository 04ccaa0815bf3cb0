"""Placeholders in a script, filled in just before it is run.

What is hashed, stored and shown keeps them, so that no secret is written anywhere.
Each syntax is the one of a tool whose files are read in place.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

_LEAST: Final = 4
"""Characters of a value that is looked for in the server's messages."""
_HEAD: Final = 16
"""Characters by which a long value is known: the server cuts some off after 63 bytes."""
_FLYWAY: Final = re.compile(r"\$\{([^}]*)(\}?)")
_GRAPHILE_OWN: Final = ("DATABASE_NAME", "DATABASE_OWNER")
_GOOSE_LINE: Final = re.compile(r"[^\n]*\n?")
_GOOSE_SWITCH: Final = re.compile(r"--.*\+goose\s+envsub\s+(on|off)\s*", re.IGNORECASE)
_GOOSE_ITEM: Final = re.compile(r"\\\\|\\\$|\$\$|\$\(|\$(?=.)|\}")
_GOOSE_NAME: Final = re.compile(r"[^\W\d_]\w*")
_GOOSE_CUT: Final = re.compile(r":\s*(-?\d+)\s*(?::\s*(\d+)\s*)?\}")

Lookup = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its placeholders filled in."""

    text: str
    spans: tuple[tuple[int, int, str, str], ...] = ()
    """Of each value: where it begins and ends, how it is spelt, and what it is."""
    problems: tuple[tuple[int, str, str], ...] = ()
    """Offset in the text as it was, message and hint."""

    def hidden(self, start: int, stop: int) -> str:
        """A piece of `text`, with the placeholders back in place of their values."""
        pieces, position = [], start
        for begin, end, spelt, _ in self.spans:
            if begin < stop and start < end:
                pieces += [self.text[position:begin], spelt]
                position = min(end, stop)
        return "".join((*pieces, self.text[position:stop]))

    def veiled(self, message: str) -> str:
        """What the server said, without the values.

        It says what it has read out of a literal, and of a long value the beginning.
        """
        values = {value: spelt for _, _, spelt, value in self.spans}
        for quote in "'", '"':
            values |= {v.replace(quote * 2, quote): s for v, s in values.items()}
        for value in sorted(values, key=len, reverse=True):
            if len(value) >= _LEAST:
                message = _without(message, value, values[value])
        return message


def _without(message: str, value: str, spelt: str) -> str:
    """*message* with *spelt* in place of *value*, or of as much of it as is there."""
    pieces, position = [], 0
    while (at := message.find(value[:_HEAD], position)) >= 0:
        pieces += [message[position:at], spelt]
        pairs = zip(value, message[at:], strict=False)
        position = at + sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)
        )
    return "".join((*pieces, message[position:]))


@dataclass(slots=True)
class _Filler:
    """One text under way."""

    text: str
    lookup: Lookup
    pieces: list[str] = field(default_factory=list)
    spans: list[tuple[int, int, str, str]] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    position: int = 0
    length: int = 0

    def keep(self, until: int) -> None:
        piece = self.text[self.position : until]
        self.pieces.append(piece)
        self.length += len(piece)
        self.position = until

    def put(self, start: int, stop: int, value: str) -> None:
        """Write *value* in place of the text from *start* to *stop*."""
        self.keep(start)
        spelt = self.text[start:stop]
        if value:
            end = self.length + len(value)
            self.spans.append((self.length, end, spelt, value))
        self.pieces.append(value)
        self.length += len(value)
        self.position = stop

    def refuse(self, offset: int, message: str, hint: str) -> None:
        self.problems.append((offset, message, hint))

    def miss(self, offset: int, spelt: str, name: str) -> None:
        self.refuse(
            offset,
            f"there is no value for the placeholder `{spelt}`",
            f"set the environment variable `FP__{name}`, or `{name}` in the setting"
            " `placeholders`",
        )

    def filled(self) -> Filled:
        self.keep(len(self.text))
        return Filled("".join(self.pieces), tuple(self.spans), tuple(self.problems))


def fill(text: str, syntax: str, lookup: Lookup, environ: Mapping[str, str]) -> Filled:
    """Fill in the placeholders of *text*, whose syntax is one of `SYNTAXES`.

    *lookup* gives the value of a name; *environ* are the variables that one of the
    syntaxes reads as well.
    """
    filler = _Filler(text, lookup)
    _SYNTAXES[syntax](filler, environ)
    return filler.filled()


def _flyway(filler: _Filler, _: Mapping[str, str]) -> None:
    for found in _FLYWAY.finditer(filler.text):
        name, closed = found.groups()
        if not closed:
            filler.refuse(found.start(), "this placeholder is never closed", "close it")
        elif name.lower().startswith("flyway:"):
            filler.refuse(
                found.start(),
                f"`{found[0]}` is a value that Flyway alone knows",
                "write it out, or take a placeholder of your own",
            )
        elif (value := filler.lookup(name)) is None:
            filler.miss(found.start(), found[0], name)
        else:
            filler.put(*found.span(), value)


def _graphile(filler: _Filler, _: Mapping[str, str]) -> None:
    for found in re.finditer(r":([A-Z][0-9A-Z_]+)\b", filler.text):
        value = filler.lookup(found[1])
        if value is not None:
            filler.put(*found.span(), value)
        elif found[1] in _GRAPHILE_OWN:
            filler.miss(found.start(), found[0], found[1])


def _goose(filler: _Filler, environ: Mapping[str, str], *, on: bool = False) -> None:
    def lookup(name: str) -> str | None:
        value = filler.lookup(name)
        return environ.get(name) if value is None else value

    for found in _GOOSE_LINE.finditer(filler.text):
        line = found[0].rstrip("\n")
        if switch := _GOOSE_SWITCH.fullmatch(line):
            on = switch[1].lower() == "on"
        elif on and "$" in line:
            _goose_line(filler, found.start(), line, lookup)


def _goose_line(filler: _Filler, start: int, line: str, lookup: Lookup) -> None:
    """Expand one line, as a shell would."""
    position = 0
    while item := _GOOSE_ITEM.search(line, position):
        position = item.end()
        if item[0] in {r"\$", "$$"}:
            filler.put(start + item.start(), start + position, "$")
        elif item[0] == "$":
            try:
                value, position = _expansion(line, position, lookup)
            except ValueError as error:
                filler.refuse(start + item.start(), str(error), _GOOSE_HINT)
                return
            filler.put(start + item.start(), start + position, value)


_GOOSE_HINT: Final = (
    "write `\\$` for a dollar, or `-- +goose ENVSUB OFF` above the line"
)


def _expansion(line: str, position: int, lookup: Lookup) -> tuple[str, int]:
    """Read what follows a dollar: its value, and where the text goes on."""
    brace = line[position] == "{"
    named = _GOOSE_NAME.match(line, position + brace)
    if named is None:
        message = "a name must follow the dollar where ENVSUB is on"
        raise ValueError(message)
    value, position = lookup(named[0]), named.end()
    if not brace:
        return value or "", position
    if line.startswith("}", position):
        return value or "", position + 1
    for operator in (":-", "-", "?"):
        if line.startswith(operator, position):
            other, position = _word(line, position + len(operator), lookup)
            if operator == "?" and value is None:
                message = f"`{named[0]}` is not set: {other}"
                raise ValueError(message)
            use = value is None or (operator == ":-" and not value)
            return other if use else value or "", position
    cut = _GOOSE_CUT.match(line, position)
    if cut is None:
        message = f"this expansion of `{named[0]}` cannot be read"
        raise ValueError(message)
    rest = (value or "")[int(cut[1]) :]
    return rest if cut[2] is None else rest[: int(cut[2])], cut.end()


def _word(line: str, position: int, lookup: Lookup) -> tuple[str, int]:
    """Read the word of an operator up to its brace; it may hold expansions."""
    pieces: list[str] = []
    while item := _GOOSE_ITEM.search(line, position):
        pieces.append(line[position : item.start()])
        position = item.end()
        if item[0] == "}":
            return "".join(pieces), position
        if item[0] == "$":
            value, position = _expansion(line, position, lookup)
            pieces.append(value)
        else:
            pieces.append("$" if item[0] in {r"\$", "$$"} else item[0])
    message = "this expansion has no closing brace"
    raise ValueError(message)


def _goose_from_the_start(filler: _Filler, environ: Mapping[str, str]) -> None:
    _goose(filler, environ, on=True)


_SYNTAXES: Final[Mapping[str, Callable[[_Filler, Mapping[str, str]], None]]] = {
    "flyway": _flyway,
    "goose": _goose,
    "goose-on": _goose_from_the_start,
    "graphile": _graphile,
}
SYNTAXES: Final = tuple(_SYNTAXES)
"""The last but one for goose: its ENVSUB is on before the first line."""
