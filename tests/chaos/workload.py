"""Migrations of every kind, and the audit of what became of them.

Each piece of work that must happen once writes one line into a ledger and raises a
counter. The ledger has no key: what is done twice is seen, not refused.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.chaos.scores import Score
from tests.kit.databases import Database

LEDGER = """-- UP
CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY, entry text NOT NULL);
CREATE TABLE counter (n bigint NOT NULL);
INSERT INTO counter VALUES (1);
INSERT INTO ledger (entry) VALUES ('{entry}');
CREATE TABLE big (id bigint, a int, b text);
INSERT INTO big SELECT i, i % 97, md5(i::text) FROM generate_series(1, {rows}) AS i;
CREATE INDEX standing ON big (id);
-- DOWN
DROP TABLE big, counter, ledger;
"""

ENTER = """INSERT INTO ledger (entry) VALUES ('{entry}');
UPDATE counter SET n = n + 1;
"""

PLAIN = """-- UP
{enter}CREATE TABLE t_{number} (id int PRIMARY KEY);
SELECT pg_sleep({pause});
-- DOWN
DROP TABLE t_{number};
"""

INDEX = """-- UP
CREATE INDEX CONCURRENTLY i_{number} ON big (a, b, id);
"""

UNNAMED = """-- UP
-- asyncmigrate: transaction=off
{enter}CREATE INDEX CONCURRENTLY ON big (b, (id + {number}));
INSERT INTO ledger (entry) VALUES ('{entry} after');
"""

UNIQUE = """-- UP
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u_{number} ON big (id, a);
DROP INDEX CONCURRENTLY u_{number};
CREATE UNIQUE INDEX CONCURRENTLY u_{number} ON big (id);
"""

BULK = """-- UP
{enter}CREATE TABLE bulk_{number} AS
SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i;
-- DOWN
DROP TABLE bulk_{number};
"""

COPY = """-- UP
{enter}CREATE TABLE copied_{number} (id int);
COPY copied_{number} FROM stdin;
1
2
\\.
-- DOWN
DROP TABLE copied_{number};
"""

REINDEX = """-- UP
REINDEX INDEX CONCURRENTLY standing;
VACUUM big;
"""

PYTHON = '''"""Done in Python, with pauses between its statements."""

import asyncio


async def up(connection):
    await connection.execute("INSERT INTO ledger (entry) VALUES ('{entry}')")
    await asyncio.sleep({pause})
    await connection.execute("UPDATE counter SET n = n + 1")
    await connection.execute("CREATE TABLE t_{number} (id int)")
'''

REPEATABLE = """-- UP
CREATE OR REPLACE VIEW seen_{number} AS SELECT entry FROM ledger;
{enter}"""


@dataclass(slots=True)
class Workload:
    """A directory of migrations and what it must leave in the ledger."""

    directory: Path
    entries: list[str] = field(default_factory=list)
    """What the ledger must hold in the end, each once."""
    counted: int = 0
    """What the counter must show in the end."""
    versions: list[str] = field(default_factory=list)
    whole: dict[str, str] = field(default_factory=dict)
    """The entry of each version that is one transaction, and so all or nothing."""
    repeatables: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)
    """Named indexes that must be there and valid."""

    @property
    def newest(self) -> int:
        """The number of the newest version."""
        return int(self.versions[-1])

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def enter(self, entry: str, count: int = 1) -> str:
        """The statements by which a migration reports itself."""
        self.entries.append(entry)
        self.counted += count
        return ENTER.format(entry=entry)

    def add_ledger(self, rows: int) -> None:
        self.write("0001_ledger.sql", LEDGER.format(entry="1", rows=rows))
        self.entries.append("1")
        self.counted += 1
        self.versions.append("0001")
        self.whole["0001"] = "1"

    def add(self, kind: str, number: int, pause: float = 0.0) -> None:
        """One more migration of *kind*, with *number* for its version."""
        version = f"{number:04}"
        self.versions.append(version)
        entry, at = str(number), {"number": number, "pause": f"{pause:.4f}"}
        if kind in {"plain", "bulk", "copy", "python"}:
            self.whole[version] = entry
        if kind == "plain":
            text = PLAIN.format(enter=self.enter(entry), **at)
        elif kind == "bulk":
            text = BULK.format(enter=self.enter(entry), **at)
        elif kind == "copy":
            text = COPY.format(enter=self.enter(entry), **at)
        elif kind == "index":
            self.indexes.append(f"i_{number}")
            text = INDEX.format(**at)
        elif kind == "unnamed":
            text = UNNAMED.format(enter=self.enter(entry), entry=entry, **at)
            self.entries.append(f"{entry} after")
        elif kind == "unique":
            self.indexes.append(f"u_{number}")
            text = UNIQUE.format(**at)
        elif kind == "reindex":
            text = REINDEX
        else:
            self.enter(entry)
            self.write(f"{version}_python.py", PYTHON.format(entry=entry, **at))
            return
        self.write(f"{version}_{kind}.sql", text)

    def add_repeatable(self, number: int) -> None:
        name = f"repeatable/view_{number}.sql"
        enter = self.enter(f"repeatable {number}")
        self.write(name, REPEATABLE.format(enter=enter, number=number))
        self.repeatables.append(name)


KINDS = (
    *("plain",) * 5,
    *("index", "unnamed", "unique", "reindex", "copy", "python", "python"),
)


def mixed(rng: random.Random, directory: Path, count: int, longest: float) -> Workload:
    """*count* migrations of every kind in random order, and three repeatables.

    Each that can takes up to *longest* seconds more than its work.
    """
    work = Workload(directory)
    work.add_ledger(2000)
    for number in range(2, count + 1):
        work.add(rng.choice(KINDS), number, rng.uniform(0, longest))
    for number in range(3):
        work.add_repeatable(number)
    return work


def bulky(rng: random.Random, directory: Path, count: int) -> Workload:
    """*count* migrations, of every kind and such as fill a disk by turns."""
    work = Workload(directory)
    work.add_ledger(2000)
    for number in range(2, count + 1):
        work.add("bulk" if number % 2 else rng.choice(KINDS), number)
    work.add_repeatable(0)
    return work


def plain(directory: Path, count: int, pause: float) -> Workload:
    """*count* plain migrations, each of which takes *pause* seconds."""
    work = Workload(directory)
    work.add_ledger(10)
    for number in range(2, count + 1):
        work.add("plain", number, pause)
    return work


HISTORY = """
SELECT kind, version, state, count(*) AS times
FROM asyncmigrate.schema_migrations WHERE rolled_back_at IS NULL
GROUP BY kind, version, state
"""

INVALID = """
SELECT indexrelid::regclass::text FROM pg_index WHERE NOT (indisvalid AND indisready)
UNION SELECT relname FROM pg_class WHERE relname ~ '_cc(new|old)[0-9]*$'
"""

VALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE indisvalid"

HELD = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

LEASES = """
SELECT namespace, locked_by FROM asyncmigrate.migration_locks WHERE run_id IS NOT NULL
"""


WHOLE = """
SELECT coalesce((SELECT array_agg(version) FROM asyncmigrate.schema_migrations
                 WHERE state = 'applied' AND rolled_back_at IS NULL), '{}'),
       coalesce((SELECT array_agg(entry) FROM ledger), '{}')
"""
"""In one snapshot, so that it may be asked at any moment."""


async def audit_halves(work: Workload, database: Database, score: Score) -> None:
    """Each migration of one transaction is recorded and done, or neither."""
    if not await database.fetchval("SELECT to_regclass('ledger')"):
        return
    ((versions, entries),) = await database.fetch(WHOLE)
    for version, entry in work.whole.items():
        recorded, done = versions.count(version), entries.count(entry)
        if (recorded, done) not in {(0, 0), (1, 1)}:
            what = "double_applied" if max(recorded, done) > 1 else "lost"
            text = f"{version} is {recorded} times in the history, {done} times done"
            score.blame(what, text)


async def audit(work: Workload, database: Database, score: Score) -> None:
    """Compare ledger, counter, catalogue and history with the files."""
    try:
        ledger = Counter(
            row[0] for row in await database.fetch("SELECT entry FROM ledger")
        )
        counted = await database.fetchval("SELECT n FROM counter")
        rows = await database.fetch(HISTORY)
    except asyncpg.UndefinedTableError as error:
        score.blame("lost", f"nothing is there: {error}", len(work.versions))
        return
    for entry in work.entries:
        times = ledger.pop(entry, 0)
        if times == 0:
            score.blame("lost", f"the ledger lacks {entry!r}")
        elif times > 1:
            score.blame("double_applied", f"{entry!r} is {times} times in the ledger")
    if ledger:
        score.blame("double_applied", f"the ledger has {dict(ledger)} beyond the files")
    if counted != work.counted:
        what = "double_applied" if counted > work.counted else "lost"
        score.blame(what, f"the counter shows {counted}, not {work.counted}")
    _compare(work, rows, score)
    for row in await database.fetch(INVALID):
        score.blame("invalid_indexes", row[0])
    valid = {row[0] for row in await database.fetch(VALID)}
    for name in work.indexes:
        if name not in valid:
            score.blame("lost", f"index {name} is not there")
    for row in await database.fetch(LEASES):
        score.blame("orphaned_leases", f"{row[0]}: {row[1]}")
    if await database.fetchval(HELD):
        score.blame("stuck_locks", "an advisory lock is held after the last run")


def _compare(work: Workload, rows: list[asyncpg.Record], score: Score) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["state"] != "applied":
            score.blame("lost", f"{row['version']} stands as {row['state']}")
        seen[row["kind"], row["version"]] += row["times"]
    expected = [("versioned", version) for version in work.versions]
    expected += [("repeatable", name) for name in work.repeatables]
    for key in expected:
        times = seen.pop(key, 0)
        if times != 1:
            what = "double_applied" if times else "lost"
            score.blame(what, f"{key[1]} stands {times} times in the history")
    for key in seen:
        score.blame("lost", f"{key[1]} stands in the history without a file")
