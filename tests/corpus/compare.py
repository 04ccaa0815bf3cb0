"""One comparison, from two empty servers to a report."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from asyncmigrate._embedded.account import Account, choose_account
from asyncmigrate._embedded.binaries import find_binaries
from asyncmigrate.embedded import EmbeddedPostgres
from tests.corpus.dumps import dump
from tests.corpus.ours import Ours
from tests.corpus.psql import Psql
from tests.corpus.report import Phase, Report
from tests.corpus.sides import Corpus, Failure, Script, Side
from tests.kit import servers

NAME = "corpus"
"""Of the database, and of the role that owns it and applies everything."""


@dataclass
class Pair:
    """Both sides, each with a server of its own: roles are not a database's alone."""

    sides: tuple[Ours, Psql]
    dsns: tuple[str, str]
    """Of a superuser."""
    binaries: Path
    account: Account

    def phase(
        self, name: str, *, ups: Sequence[Script] = (), downs: Sequence[Script] = ()
    ) -> Phase:
        """Let both do the same, and look what came of it."""

        def act(side: Side) -> list[Failure]:
            return side.undo(downs) if downs else side.apply(ups)

        ours, psql = self.sides
        began = time.monotonic()
        failed = act(ours)
        seconds = time.monotonic() - began
        theirs = act(psql)
        one, other = (dump(dsn, self.binaries, self.account) for dsn in self.dsns)
        return Phase(name, seconds, failed, theirs, (one, other))


def compare(
    corpus: Corpus, before: Sequence[Path], folder: Path, *, superuser: bool
) -> Report:
    """Apply, undo and apply again, on both sides."""
    with _pair(corpus, before, folder, superuser=superuser) as (pair, version):
        ours, psql = pair.sides
        report = Report(corpus, version, psql.restricts)
        corpus.refuse(ours.refusals())
        ups = list(corpus.ups.values())
        first = pair.phase("apply", ups=ups)
        failed = {each.version for each in first.ours}
        standing = [up.version for up in reversed(ups) if up.version not in failed]
        downs = [corpus.downs[it] for it in standing if it in corpus.downs]
        report.phases.append(first)
        if downs:
            report.phases.append(pair.phase("undo", downs=downs))
        again = [up for up in ups if downs or up.version in failed]
        report.phases.append(pair.phase("apply again", ups=again))
    return report


@contextmanager
def _pair(
    corpus: Corpus, before: Sequence[Path], folder: Path, *, superuser: bool
) -> Iterator[tuple[Pair, int]]:
    account = choose_account()
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(_server(before, superuser=superuser)) for _ in range(2)
        )
        found = find_binaries(
            account, version=one.version, directory=servers.binaries()
        )
        ours = Ours(one.dsn(NAME, NAME), corpus)
        psql = Psql(other.dsn(NAME, NAME), found.directory, account, folder)
        dsns = (one.dsn(NAME), other.dsn(NAME))
        yield Pair((ours, psql), dsns, found.directory, account), one.version


@contextmanager
def _server(before: Sequence[Path], *, superuser: bool) -> Iterator[EmbeddedPostgres]:
    """A server with one database, whose owner may do what an owner may."""
    with servers.launch() as server:

        async def prepare() -> None:
            rights = "SUPERUSER" if superuser else "NOSUPERUSER"
            admin = await asyncpg.connect(server.dsn())
            await admin.execute(f"CREATE ROLE {NAME} LOGIN {rights}")
            await admin.execute(f"CREATE DATABASE {NAME} OWNER {NAME}")
            await admin.execute(f"ALTER ROLE {NAME} SET statement_timeout = '120s'")
            await admin.close()
            inside = await asyncpg.connect(server.dsn(NAME))
            for file in before:
                await inside.execute(file.read_text(encoding="utf-8"))
            await inside.close()

        asyncio.run(prepare())
        yield server
