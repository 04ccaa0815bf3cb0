"""The histories of the tools whose files are read where they are."""

from datetime import UTC, datetime

import pytest

import asyncmigrate
from asyncmigrate.errors import ConflictsFound, NotReversible
from asyncmigrate.events import Recorded
from asyncmigrate.results import RepairAction
from tests.adopt.conftest import Switch, SwitchFrom
from tests.adopt.tools import IN_PLACE, WHEN, Tool
from tests.kit.app import versions

BY_NAME = {tool.name: tool for tool in IN_PLACE}

DOWNS = {
    "golang-migrate": {"12_nothing.down.sql": "SELECT 1;\n"},
    "dbmate": {"20240105000000-seed.sql": "DELETE FROM books; DELETE FROM authors;\n"},
}
"""For fixtures whose newest but one has none."""

every_tool = pytest.mark.parametrize("tool", IN_PLACE, ids=lambda it: it.name)
undoable = pytest.mark.parametrize(
    "tool", [tool for tool in IN_PLACE if tool.downs], ids=lambda it: it.name
)


async def events(switch: Switch) -> list[str]:
    query = "SELECT detail FROM asyncmigrate.migration_events WHERE event = 'adopt'"
    return [row[0] for row in await switch.database.fetch(query)]


@every_tool
async def test_what_the_tool_applied_is_applied_and_the_next_file_is_pending(
    tool: Tool, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(tool, objects=True)
    before = await switch.rows()
    files = switch.files()

    report = await switch.adopt()

    rows = await switch.database.history()
    assert [row["file"] for row in rows] == [file.file for file in files[:-1]]
    assert {(row["origin"], row["state"]) for row in rows} == {("adopt", "applied")}
    assert all(row["checksum"] and row["file_sha256"] for row in rows)
    assert {each.verified for each in report.mapping} == {tool.verified}
    assert await switch.rows() == before
    status = await switch.status()
    assert (status.problems, status.warnings) == ((), tool.source().warnings)
    assert await switch.standing() == ["applied"] * (len(files) - 1) + ["pending"]
    await switch.migrate()
    assert (await switch.status()).healthy


@every_tool
async def test_times_users_and_durations_are_carried_over_and_growth_is_noticed(
    tool: Tool, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(tool)
    await switch.adopt()
    rows = await switch.database.history()

    await switch.add(switch.files()[-1:])

    told = {
        row["applied_at"] and row["applied_at"].replace(microsecond=0) for row in rows
    }
    when = datetime.fromisoformat(WHEN).replace(tzinfo=UTC, microsecond=0)
    assert told == {when if "applied_at" in tool.carries else None}
    took = 42 if "execution_time_ms" in tool.carries else None
    assert {row["execution_time_ms"] for row in rows} == {took}
    by = {row["applied_by"] for row in rows}
    assert (by <= {"ada", "Snorri"}) is ("applied_by" in tool.carries)
    assert any(
        "has changed since it was taken over" in each
        for each in (await switch.status()).warnings
    )
    await switch.adopt()
    assert (await switch.status()).warnings == tool.source().warnings
    assert set(await switch.standing()) == {"applied"}
    assert len(await events(switch)) == 2


@undoable
async def test_what_was_taken_over_can_be_rolled_back_and_applied_again(
    tool: Tool, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(tool, objects=True)
    for name, text in DOWNS.get(tool.name, {}).items():
        with (switch.directory / name).open("a", encoding="utf-8") as file:
            file.write(text)
    await switch.adopt()
    before = await switch.database.tables()

    undone = await switch.rollback()
    again = await switch.migrate()

    newest = (await switch.database.history())[len(switch.files()) - 2]["version"]
    assert versions(undone) == [f"-{newest}"]
    assert versions(again)[0] == f"+{newest}"
    assert await switch.database.tables() >= before
    assert (await switch.status()).healthy


@pytest.mark.parametrize("name", ["goose", "flyway"])
async def test_a_dry_run_shows_the_same_and_writes_nothing(
    name: str, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(BY_NAME[name])

    shown = await switch.adopt(dry_run=True)

    assert await switch.database.history() == []
    assert "asyncmigrate" not in {
        row[0]
        for row in await switch.database.fetch("SELECT nspname FROM pg_namespace")
    }
    assert shown.mapping == (await switch.adopt()).mapping


@pytest.mark.parametrize("name", ["golang-migrate", "prisma"])
async def test_adopting_twice_is_harmless(name: str, switch_from: SwitchFrom) -> None:
    switch = await switch_from(BY_NAME[name])
    told: list[object] = []
    await switch.adopt(on_event=told.append)
    before = await switch.database.history()

    again = await switch.adopt()

    assert await switch.database.history() == before
    assert all(each.standing for each in again.mapping)
    assert "written" not in again.details
    (event,) = await events(switch)
    assert [each.detail for each in told if isinstance(each, Recorded)] == [event]


async def test_migrate_warns_as_well_while_the_other_tool_is_still_at_work(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"], objects=True)
    await switch.adopt()
    await switch.database.execute("INSERT INTO schema_migrations VALUES ('20990101')")

    report = await switch.migrate()
    quiet = await switch.migrate(target=report[-1].version)

    for each in (report, quiet):
        assert any("somebody still runs dbmate" in text for text in each.warnings)
    await switch.database.execute("DROP TABLE schema_migrations")
    assert (await switch.migrate()).warnings == ()


async def test_a_table_that_became_a_view_is_not_read_again(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"])
    await switch.adopt()
    await switch.database.execute(
        "ALTER TABLE schema_migrations RENAME TO old;"
        "CREATE VIEW schema_migrations AS SELECT version FROM old WHERE 1 / 0 = 1"
    )

    (warning,) = (await switch.status()).warnings

    assert "is not the plain table any more" in warning


async def test_whoever_may_not_see_the_old_table_is_told_so(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["dbmate"])
    reader = await switch.database.role()
    await switch.adopt(readers=[reader])

    status = await switch.status(dsn=switch.database.dsn_of(reader))

    (warning,) = status.warnings
    assert "is not to be seen: permission denied" in warning


async def test_the_last_run_being_an_adoption_nothing_is_rolled_back_by_it(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.adopt()

    with pytest.raises(NotReversible, match="has taken over"):
        await switch.rollback(last_run=True)


async def test_of_the_projects_of_sqitch_only_that_of_the_directory_is_taken_over(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["sqitch"])
    other = """
    INSERT INTO sqitch.projects VALUES ('other', NULL, now(), 'Snorri', 's@example.org');
    INSERT INTO sqitch.changes SELECT 'x' || change_id, 'x' || script_hash, change,
      'other', note, committed_at, committer_name, committer_email, planned_at,
      planner_name, planner_email FROM sqitch.changes
    """
    await switch.database.execute(other)

    report = await switch.adopt()

    assert all(each.verified for each in report.mapping)
    await switch.database.execute("DELETE FROM sqitch.changes WHERE project = 'other'")
    assert (await switch.status()).warnings == ()
    await switch.database.execute("DELETE FROM sqitch.changes")
    with pytest.raises(ConflictsFound, match="nothing of the project books is applied"):
        await switch.adopt()


@pytest.mark.parametrize("name", ["golang-migrate", "goose"])
async def test_what_was_rolled_back_here_is_not_taken_over_again(
    name: str, switch_from: SwitchFrom
) -> None:
    switch = await switch_from(BY_NAME[name], objects=True)
    for file, text in DOWNS.get(name, {}).items():
        (switch.directory / file).write_text(text, encoding="utf-8")
    await switch.adopt()
    await switch.rollback()
    standing = await switch.standing()

    again = await switch.adopt()

    assert standing[-2:] == ["pending", "pending"]
    assert await switch.standing() == standing
    assert "was taken over and undone here since" in again.warnings[0]
    await switch.migrate()
    assert (await switch.adopt()).warnings == switch.tool.source().warnings


async def test_what_the_tool_has_applied_again_since_is_taken_over_again(
    switch_from: SwitchFrom,
) -> None:
    switch = await switch_from(BY_NAME["goose"])
    await switch.adopt()
    await asyncmigrate.repair(
        RepairAction.MARK_PENDING,
        ["11"],
        switch.database.dsn,
        str(switch.directory),
        format="goose",
    )
    await switch.database.execute(
        "SET timezone = 'UTC'; UPDATE goose_db_version SET tstamp = now() + interval '1 s'"
        " WHERE version_id = 11"
    )

    report = await switch.adopt()

    assert report.warnings == ()
    assert await switch.standing() == ["applied"] * 4 + ["pending"]
