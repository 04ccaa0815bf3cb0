"""The side that is psql: the same scripts, one after the other, by nobody's rules.

psql obeys backslash commands, ``\\!`` among them. So a script is handed to it only when
our own scanner has found none, behind ``\\restrict`` where this psql knows it, and psql
runs as an unprivileged user of the system and of the database.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncmigrate._embedded.account import Account
from asyncmigrate._sql.script import read_script
from asyncmigrate._sql.statements import Unterminated, split
from tests.corpus.sides import IN_TRANSACTION, Failure, Script

_ERROR = re.compile(
    r"^psql:[^\n]*?:(\d+): (?:ERROR|FATAL):  (?:(\w{5}): )?(.*)$", re.MULTILINE
)
_RESTRICT = re.compile(r"\\(?:un)?restrict\b")


@dataclass
class Psql:
    """Hands scripts to psql."""

    dsn: str
    binaries: Path
    account: Account
    folder: Path
    """Of this run; the account can read it."""

    def __post_init__(self) -> None:
        self.key = secrets.token_hex(16)
        self.restricts = True
        self.restricts = not self._run("SELECT 1;", whole=False)

    def apply(self, scripts: Sequence[Script]) -> list[Failure]:
        """Run these UPs."""
        return self._all(scripts)

    def undo(self, scripts: Sequence[Script]) -> list[Failure]:
        """Run these DOWNs."""
        return self._all(scripts)

    def _all(self, scripts: Sequence[Script]) -> list[Failure]:
        return [failure for each in scripts if (failure := self._one(each))]

    def _one(self, script: Script) -> Failure | None:
        try:
            text = _without_restrict(script.text)
        except Unterminated as error:
            return script.failure(1, None, f"{error}: not handed to psql")
        if any(each.meta_command for each in split(text)):
            return script.failure(1, None, "a meta-command: not handed to psql")
        # As one transaction, which the script's own BEGIN and COMMIT cut as they cut a
        # query of several statements; where the tool sends statement by statement, or
        # where what cannot be in a transaction need not be, as psql does by itself.
        options = script.part.options
        whole = options.transaction is not False
        said = self._run(text, whole=whole)
        alone = options.blocks or not read_script(text).mixed
        if whole and alone and said and said[1] == IN_TRANSACTION:
            said = self._run(text, whole=False)
        return script.failure(*said) if said else None

    def _run(self, text: str, *, whole: bool) -> tuple[int, str | None, str] | None:
        """The line, the SQLSTATE and the message of the first error."""
        file = self.folder / "script.sql"
        head = f"\\restrict {self.key}\n" if self.restricts else "\n"
        tail = f"\n\\unrestrict {self.key}\n" if self.restricts else "\n"
        file.write_text(f"{head}{text}{tail}", encoding="utf-8")
        file.chmod(0o644)
        command: list[str | Path] = [
            self.binaries / "psql",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=verbose",
            f"--dbname={self.dsn}",
            f"--file={file}",
        ]
        if whole:
            command.append("--single-transaction")
        done = self.account.run(command)
        if done.returncode == 0:
            return None
        found = _ERROR.search(done.stderr)
        if found is None:
            return 1, None, done.stderr.strip().partition("\n")[0]
        return int(found[1]) - 1, found[2], found[3]


def _without_restrict(text: str) -> str:
    """Take out pg_dump's own lines: ours stand around the whole script."""
    for statement in reversed(split(text)):
        if statement.meta_command and _RESTRICT.match(statement.text):
            text = text[: statement.start] + text[statement.end :]
    return text
