"""What a database's schema is: the dump of it, less what differs from run to run."""

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from asyncmigrate._embedded.account import Account

NOISE = re.compile(
    r"(?:--.*|\\(?:un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*)?"
)
OURS = "asyncmigrate"
"""The schema in which the one side keeps its history."""


@dataclass(frozen=True, slots=True)
class Dump:
    """A schema, line by line."""

    lines: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of all lines, in hex."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    def difference(self, other: "Dump") -> str:
        """How *other*, which is psql's, differs; empty when it does not."""
        pair = self.lines, other.lines
        return "\n".join(difflib.unified_diff(*pair, OURS, "psql", n=1, lineterm=""))


def dump(dsn: str, binaries: Path, account: Account) -> Dump:
    """The normalised ``pg_dump --schema-only`` of one database."""
    options = ("--schema-only", f"--exclude-schema={OURS}", f"--dbname={dsn}")
    done = account.run([binaries / "pg_dump", *options])
    if done.returncode:
        message = f"pg_dump failed: {done.stderr}"
        raise RuntimeError(message)
    return normalised(done.stdout)


def normalised(text: str) -> Dump:
    """Without comments, settings and the key of this one dump."""
    lines = text.splitlines()
    return Dump(tuple(line for line in lines if not NOISE.fullmatch(line)))
