"""Literal secrets in SQL, connection strings and messages, made unreadable.

Found by what stands before them, so the texts need not be whole: the server shows the
first kilobyte of a query, and a message quotes a piece. In doubt too much is replaced.
"""

import re
from typing import Final

HIDDEN: Final = "***"

IN_URL: Final = re.compile(r"(\b\w+://[^\s:/@'\"]*:)[^\s'\"]*@")
"""The password of a URL, and what stands before it."""

_NAME: Final = r"\b\w*(?:pass(?:word|wd|phrase)?|secret(?:_(?:access_)?key)?)[\"']?"
_GAP: Final = r"(?:\s|--[^\n]*+\n|/\*.*?\*/)*+"
_CALLS: Final = rf"(?:[\w.]+{_GAP}\({_GAP})*"
"""A value may be written as ``crypt('…', gen_salt('bf'))``."""

_PLAIN: Final = r"'(?:[^']|'')*+(?:'|\Z)"
_ESCAPED: Final = r"'(?:[^'\\]|\\.|'')*+(?:'|\Z)"
# A literal goes on after the end of a line.
_NEXT: Final = r"[ \t]*(?:--[^\n]*)?\n\s*"
_STRING: Final = rf"{_PLAIN}(?:{_NEXT}{_PLAIN})*+"
_PREFIXED: Final = rf"e{_ESCAPED}(?:{_NEXT}{_ESCAPED})*+|u&{_STRING}"
_DOLLARS: Final = r"\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
_DOUBLE: Final = r'"(?:[^"\\]|\\.)*+(?:"|\Z)'
# Quoted inside of a literal, or of a literal in a literal.
_DOUBLED: Final = (
    r"(?P<quotes>(?:'')++)(?=[^\s'),;])(?:[^'\\]|\\.)*+(?:(?P=quotes)|(?=')|\Z)"
)
_BARE: Final = r"(?(url)[^\s&'\"]++|(?:\\.|''|[^\s'\\])++)"

SECRET: Final = (
    rf"(?is)(?P<url>(?<=[?&]))?(?P<name>{_NAME}{_GAP}"
    rf"(?:(?:(?P<equals>\)?=(?!>)\(?)|=>|:=?|\bTO\b){_GAP}{_CALLS})?)"
    rf"(?P<value>{_DOUBLED}|{_PREFIXED}|{_DOLLARS}|{_DOUBLE}"
    rf"|(?(equals)(?:{_ESCAPED}|{_BARE})|{_STRING}))"
)
"""A password by its name: as an option of SQL, ``PASSWORD '…'``, or as one of a pair.

Compiled when it is needed: that takes longer than all else which is loaded here."""


def without_secrets(text: str) -> str:
    """*text*, with every password that stands in it by its name replaced."""
    return re.sub(SECRET, _hidden, IN_URL.sub(rf"\1{HIDDEN}@", text))


def _hidden(found: re.Match[str]) -> str:
    value = found["value"]
    if value.startswith("''") and value != "''":
        return found["name"] + HIDDEN
    quote = value[-1] if value[-1:] in {"'", '"'} else ""
    return f"{found['name']}{quote}{HIDDEN}{quote}"
