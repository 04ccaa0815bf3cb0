"""A primary and a real streaming standby of it, copied file by file."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from asyncmigrate._embedded.account import choose_account
from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit import servers

SETTINGS: Final = {
    "wal_level": "replica",
    "max_wal_senders": "4",
    # Nobody of that name ever comes: whoever waits for a standby waits for ever. Who
    # is to wait is said database by database.
    "synchronous_standby_names": "absent",
    "synchronous_commit": "local",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers, the second of which follows the first."""

    primary: EmbeddedPostgres
    standby: EmbeddedPostgres


@contextmanager
def replicating(**settings: str) -> Generator[Pair]:
    """Start both; half a second."""
    wanted = {**SETTINGS, **settings}
    with servers.launch(settings=wanted) as primary:
        copy = primary.socket_directory / "standby"
        primary.stop()
        account = choose_account()
        done = account.run(["cp", "-a", primary.data_directory, copy])
        assert done.returncode == 0, done.stderr
        (copy / "standby.signal").touch()
        account.give(copy / "standby.signal")
        primary.start()
        conninfo = f"host={primary.host} port={primary.port} user=postgres"
        following = {**wanted, "primary_conninfo": conninfo}
        with servers.launch(data_directory=copy, settings=following) as standby:
            yield Pair(primary, standby)
