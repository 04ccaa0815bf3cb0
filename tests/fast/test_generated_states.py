"""Thousands of states of files and rows: the one question never says more than the plan.

Each state has a namespace of its own in one database, so that the server itself reads
every one of them, by the question and by the look.
"""

import random
from dataclasses import dataclass, field

import asyncpg

from asyncmigrate import migrate
from asyncmigrate._database import history
from asyncmigrate._database.digests import read_digests
from asyncmigrate._database.session import Names, Session
from asyncmigrate._migration import Applied, Direction, MigrationFile, State
from asyncmigrate._sql.quoting import quote_literal
from asyncmigrate.errors import NeedsRepair
from tests.kit.databases import Database
from tests.plan import making

ROUNDS, STATES = 4, 500
"""In rounds, since each of them reads all of its rows for every state."""
VERSIONS = ["1", "02", "3", "20260315_001", "repeatable/a.sql", "repeatable/b.sql"]
INTO = """
INSERT INTO asyncmigrate.schema_migrations (namespace, kind, version, version_key, name,
  file, file_sha256, checksum, token_checksum, direction, state, origin, run_id,
  tool_version, fencing_token, rolled_back_at)
"""
ZERO = "00000000-0000-0000-0000-000000000000"


@dataclass
class Case:
    files: list[MigrationFile] = field(default_factory=list)
    rows: list[tuple[Applied, bool]] = field(default_factory=list)
    """In the order of their ids, and whether each of them still stands."""


def draw(chance: random.Random) -> Case:
    """What a database is like when all is done, but for a thing here and there."""
    case = Case()
    odd = chance.choice([0.0, 0.05, 0.3])

    def happens(part: float) -> bool:
        return chance.random() < odd * part

    for version in VERSIONS:
        older = making.file(version, up="SELECT 0;")
        file = making.file(version, up="SELECT 1;")
        if not happens(0.5):
            case.files.append(older if happens(0.3) else file)
        if "/" in version and chance.random() < 0.4:
            case.rows.append((making.row(older), not happens(1)))
        if happens(0.4):
            continue
        row = making.row(
            file,
            state=State.FAILED if happens(0.3) else State.APPLIED,
            direction=Direction.DOWN if happens(0.2) else Direction.UP,
        )
        case.rows.append((row, not happens(0.5)))
        if "/" in version and happens(0.5):
            case.rows.append((making.row(older), not happens(2)))
    return case


def values(namespace: str, row: Applied, *, stands: bool) -> str:
    texts = (
        namespace, row.kind, row.version, row.version_key, row.name, row.file,
        row.file_sha256 or "", row.checksum or "", row.token_checksum or "",
        row.direction, row.state, row.origin, ZERO, "0",
    )  # fmt: skip
    undone = "NULL" if stands else "now()"
    return f"({', '.join(map(quote_literal, texts))}, 0, {undone})"


async def is_all_done(session: Session, case: Case) -> bool:
    """What the whole look and the plan say: nothing to do, and nothing to tell."""
    looked = await history.look(session)
    try:
        plan = making.migrate(case.files, looked.history)
    except NeedsRepair:
        return False
    return plan.is_empty and not (plan.conflicts or plan.warnings or plan.refresh)


async def put(connection: asyncpg.Connection, cases: list[Case]) -> None:
    rows = ", ".join(
        values(f"n{number}", row, stands=stands)
        for number, case in enumerate(cases)
        for row, stands in case.rows
    )
    await connection.execute("TRUNCATE asyncmigrate.schema_migrations")
    await connection.execute(f"{INTO} VALUES {rows}")


async def test_the_question_says_nothing_to_do_only_where_the_plan_does(
    database: Database,
) -> None:
    database.files.add("0001_a.sql", "SELECT 1;")
    await migrate(database.dsn, database.files.path)
    chance = random.Random(7)  # noqa: S311 - of states, not of secrets
    connection = await database.connect()
    settled, done = 0, 0

    for _ in range(ROUNDS):
        cases = [draw(chance) for _ in range(STATES)]
        await put(connection, cases)
        for number, case in enumerate(cases):
            session = Session(connection, Names("asyncmigrate", f"n{number}"))
            standing = await read_digests(session, ("",))
            files = {file.file: file.file_sha256 for file in case.files}
            says = bool(standing) and standing == files
            is_done = await is_all_done(session, case)
            assert says <= is_done, case
            settled += says
            done += is_done

    # Neither always nor never, and nearly as often as it could.
    assert ROUNDS * STATES / 5 < settled <= done < ROUNDS * STATES * 4 / 5
    assert settled > done * 0.9
