"""The last gate before a stream: no password of a DSN passes it.

Messages are made without secrets in the first place. This is for texts that nobody
made: the traceback of a bug, a driver's message that quotes its arguments.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from asyncmigrate._sql.secrets import HIDDEN, IN_URL, SECRET, without_secrets

_SHORTEST: Final = 4
"""Characters; a shorter password is found by its place alone, not by its letters."""
_DISTINCT: Final = 6
"""Characters from which on a password that is no plain word is found anywhere."""


class Redactor:
    """Takes the passwords that it was told of, and whatever looks like one, away.

    Calling it is careful: a password that is a plain word (``postgres``) is taken
    from URLs only, since the same word stands in messages by right. `thorough` is for
    tracebacks, where a word too many harms nobody.
    """

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, dsn: str | None) -> None:
        """Learn the passwords in a DSN, as it is written and as it is meant."""
        if not dsn:
            return
        for secret in _passwords(dsn):
            self._secrets.update({secret, unquote(secret)})
        self._secrets -= _harmless(dsn)

    def __call__(self, text: str) -> str:
        """*text*, with every password in it replaced."""
        distinct = {s for s in self._secrets if len(s) >= _DISTINCT and not s.isalpha()}
        return IN_URL.sub(rf"\1{HIDDEN}@", _without(text, distinct))

    def thorough(self, text: str) -> str:
        """The same, when in doubt replacing too much."""
        secrets = {s for s in self._secrets if len(s) >= _SHORTEST}
        return without_secrets(_without(text, secrets))


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _passwords(dsn: str) -> Iterable[str]:
    credentials = re.match(r"[\w+.-]+://[^:/@]*:(.*)@", dsn)
    if credentials:
        yield credentials[1]
    if "pass" in dsn.lower():
        for match in re.finditer(SECRET, dsn):
            yield match["value"].strip("'")


def _harmless(dsn: str) -> set[str]:
    """What is shown anyway, so that a password equal to it hides nothing else."""
    try:
        parts = urlsplit(dsn)
        words = {parts.username, parts.hostname, parts.path.lstrip("/"), parts.scheme}
        words |= {
            value for key, value in parse_qsl(parts.query) if "pass" not in key.lower()
        }
    except ValueError:
        return set()
    return {word for word in words if word}
