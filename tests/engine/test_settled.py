"""Nothing to do: one question, and no answer but a certain one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncmigrate._api.migrating import plain_directory
from asyncmigrate._database.settled import digests_of
from asyncmigrate._digests import PlainDirectory
from asyncmigrate._layouts import read_directory
from asyncmigrate._settings import Settings
from asyncmigrate.errors import ConflictsFound
from tests.kit.app import App
from tests.kit.proxy import listening

MADE = "CREATE TABLE {0} (id int);"


async def applied(app: App) -> None:
    app.add(_0001_a=MADE.format("a"), _0002_b=MADE.format("b"))
    app.files.add("0003_c.up.sql", MADE.format("c"))
    app.files.add("0003_c.down.sql", "DROP TABLE c;")
    app.files.add("repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x;")
    await app.migrate()


async def questions(app: App, **options: object) -> list[str]:
    """What a run asks the server."""
    async with listening(app.dsn) as proxy:
        await app.migrate(dsn=proxy.dsn, **options)
        return list(proxy.queries)


async def test_a_start_with_nothing_to_do_asks_one_question(app: App) -> None:
    await applied(app)

    asked = await questions(app)

    assert len(asked) == 1
    assert "file_sha256" in asked[0]


async def test_a_file_without_a_row_is_looked_at_and_applied(app: App) -> None:
    await applied(app)
    app.add(_0004_d=MADE.format("d"))

    report = await app.migrate()

    assert [result.version for result in report] == ["0004"]


async def test_an_edited_file_is_a_conflict(app: App) -> None:
    await applied(app)
    app.add(_0001_a=MADE.format("other"))

    with pytest.raises(ConflictsFound):
        await app.migrate()


async def test_a_cosmetic_edit_is_still_a_warning(app: App) -> None:
    await applied(app)
    app.add(_0001_a=MADE.format("a") + " -- the first")

    report = await app.migrate()

    assert not report.results
    assert "0001_a.sql" in report.warnings[0]


async def test_a_file_that_is_gone_while_it_is_read_is_left_to_the_look(
    app: App,
) -> None:
    await applied(app)
    plain = PlainDirectory(str(app.files))
    app.files.remove("0001_a.sql")

    for _ in plain.slices():
        pass

    assert plain.digests() is None
    with pytest.raises(ConflictsFound):
        await app.migrate()


async def test_a_repeatable_whose_newest_row_was_undone_is_applied_again(
    app: App,
) -> None:
    await applied(app)
    first = app.files.read("repeatable/v.sql")
    app.files.add("repeatable/v.sql", first.replace("1", "2"))
    await app.migrate()
    await app.database.execute(
        "UPDATE asyncmigrate.schema_migrations SET rolled_back_at = now()"
        " WHERE id = (SELECT max(id) FROM asyncmigrate.schema_migrations)"
    )
    app.files.add("repeatable/v.sql", first)

    report = await app.migrate()

    assert [result.version for result in report] == ["repeatable/v.sql"]


async def test_a_host_application_goes_on_while_files_are_hashed(app: App) -> None:
    for number in range(1, 400):
        app.files.add(f"{number:04}_n.sql", "SELECT 1;")
    await app.migrate()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await app.migrate()
    counting.cancel()

    assert turns > 400 / 32


def test_of_a_repeatable_the_newest_row_counts_in_whatever_order() -> None:
    rows = [("r/v.sql", "new", "7"), ("1.sql", "a", ""), ("r/v.sql", "old", "3")]

    assert digests_of(rows, [""]) == {"r/v.sql": "new", "1.sql": "a"}
    assert digests_of([*rows, ("1.sql", "a", "")], [""]) is None


NAMES = [
    "0001_a.sql", "0002_b.up.sql", "0002_b.down.sql", "0003_C.UP.SQL", "x.sql",
    "0003_C.DOWN.SQL", "sub/0004_d.sql", "0005_e.py", "repeatable/v.sql", "README.md",
    "_draft.sql", ".hidden/0006_f.sql", "0007_é.sql", "notes", "0001_b.sql",
    "seeds/0008_g.sql", "0009_h.down.sql",
]  # fmt: skip


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(
    names=st.sets(st.sampled_from(NAMES)),
    text=st.binary(max_size=8) | st.just(b"x" * 32768) | st.just(b"y" * 40000),
    linked=st.booleans(),
)
def test_a_plain_directory_is_what_the_layout_reads(
    tmp_path_factory: pytest.TempPathFactory,
    names: set[str],
    text: bytes,
    linked: bool,  # noqa: FBT001 - drawn
) -> None:
    folder = tmp_path_factory.mktemp("plain")
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() + text)
    if linked:
        (folder / "0010_linked.sql").symlink_to(__file__)

    source = read_directory([str(folder)])
    plain = plain_directory(Settings(directory=(str(folder),)))
    digests = None
    if plain is not None:
        for _ in plain.slices():
            pass
        digests = plain.digests()

    if digests is not None and not source.problems:
        assert digests == {file.file: file.file_sha256 for file in source.files}
    if linked or "notes" in names:
        assert digests is None


@pytest.mark.parametrize(
    "options",
    [{"format": "native"}, {"skip": ("*.txt",)}],
    ids=str,
)
def test_what_makes_files_mean_something_else_is_no_plain_directory(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")

    def plain(*directory: str, **options: Any) -> object:
        return plain_directory(Settings(directory=directory, **options))

    assert plain(str(tmp_path)) is not None
    assert plain(str(tmp_path), **options) is None
    assert plain(str(tmp_path), str(tmp_path)) is None
    assert plain("package:asyncmigrate/_sample") is None
    assert plain(str(tmp_path / "none")) is None
