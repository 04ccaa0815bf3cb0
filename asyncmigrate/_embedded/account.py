"""Whom the server runs as: PostgreSQL refuses to be root.

A root process starts it as an existing unprivileged user, by ``setuid`` in the child.
No user is created, and nobody's folders change their mode for it.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asyncmigrate.errors import EmbeddedServerUnavailable

UNPRIVILEGED: Final = ("nobody", "postgres", "daemon")

# Nothing of the caller's environment: PGDATA, PGPORT or LD_PRELOAD would change what
# starts. TZ spares initdb the search through every time zone file.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group for the server's processes; ``None`` means our own."""

    uid: int | None = None
    gid: int | None = None

    def give(self, path: Path) -> None:
        """Hand *path*, which we have just made, to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run *command* to its end as this account, with a clean environment."""
        return subprocess.run(  # noqa: S603 - a list of our own making, no shell
            command,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def start(
        self, command: Sequence[str | Path], *, output: int, keep: int
    ) -> subprocess.Popen[bytes]:
        """Start *command* in a session of its own, so that Ctrl-C is not for it.

        *output* takes its messages; the descriptor *keep* stays open in it.
        """
        return subprocess.Popen(  # noqa: S603 - a list of our own making, no shell
            command,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[keep],
            start_new_session=True,
        )


def choose_account() -> Account:
    """Our own account, or an unprivileged one when we are root."""
    if os.geteuid() != 0:
        return Account()
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedServerUnavailable(
        reason="PostgreSQL refuses to run as root, and this system has none of the"
        f" users {', '.join(UNPRIVILEGED)}",
        hint="run it as an ordinary user",
    )
