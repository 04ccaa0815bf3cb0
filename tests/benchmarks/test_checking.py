"""Nobody has a figure for work that was not done, or not all of it."""

import anyio.to_thread
import pytest

from benchmarks.measuring import Failed
from benchmarks.scenarios.checking import require_done
from benchmarks.workload import Change, alterations, script, tables
from tests.kit.databases import Database

SETS = {"tables": tables(3), "alterations": alterations(24)}


async def check(database: Database, changes: list[Change]) -> None:
    await anyio.to_thread.run_sync(require_done, database.dsn, changes)


@pytest.mark.parametrize("changes", SETS.values(), ids=SETS)
async def test_all_of_it_is_done_and_undone(
    changes: list[Change], database: Database
) -> None:
    for change in changes:
        await database.execute(change.up_script)
    await check(database, changes)

    for change in reversed(changes):
        await database.execute(change.down_script)
    await check(database, [])


@pytest.mark.parametrize("left_out", [22, 23], ids=["a column", "a row"])
async def test_what_one_alteration_lacks_is_noticed(
    left_out: int, database: Database
) -> None:
    changes = alterations(24)
    for change in [*changes[:left_out], *changes[left_out + 1 :]]:
        await database.execute(change.up_script)

    with pytest.raises(Failed):
        await check(database, changes)


async def test_a_script_of_which_only_the_first_statement_ran_is_noticed(
    database: Database,
) -> None:
    changes = alterations(24)
    for change in changes:
        await database.execute(script(change.up[:1]))

    with pytest.raises(Failed):
        await check(database, changes)
