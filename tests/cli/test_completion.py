"""A shell is offered versions, read from the names of files."""

from pathlib import Path

import pytest

from tests.kit.commands import Cli


@pytest.fixture
def shop(cli: Cli) -> Cli:
    folder = cli.cwd / "db"
    (folder / "old").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in (
        "10_ten.sql",
        "9_nine.up.sql",
        "9_nine.down.sql",
        "20260315_001_users.sql",
        "20260315_2fa.py",
        "old/0001_first.sql",
        ".hidden/0003_no.sql",
        "_0004_no.sql",
        "README.md",
    ):
        (folder / name).write_text("SELECT 1;")
    return cli


async def complete(cli: Cli, *words: str) -> list[str]:
    environment = {
        "_ASYNCMIGRATE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["asyncmigrate", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = await cli(env=environment)
    assert (done.exit_status, done.stderr) == (0, "")
    return done.stdout.split()


async def test_versions_are_offered_in_their_order(shop: Cli) -> None:
    assert await complete(shop, "migrate", "-d", "db", "--to", "''") == [
        "0001",
        "9",
        "10",
        "20260315",
        "20260315_001",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["rollback", "-d", "db", "--to", "1"],
        ["baseline", "-d", "db", "1"],
        ["history", "-d", "db", "--show", "1"],
        ["repair", "-d", "db", "--mark-applied", "1"],
    ],
)
async def test_every_version_can_be_completed(shop: Cli, words: list[str]) -> None:
    assert await complete(shop, *words) == ["10"]


async def test_the_directory_of_the_settings_is_read(shop: Cli, tmp_path: Path) -> None:
    (tmp_path / "asyncmigrate.toml").write_text('directory = "db"\n')

    assert await complete(shop, "up", "--to", "9") == ["9"]


async def test_nothing_is_offered_where_nothing_can_be_read(
    cli: Cli, tmp_path: Path
) -> None:
    assert await complete(cli, "migrate", "--to", "1") == []

    (tmp_path / "asyncmigrate.toml").write_text("directory = [")

    assert await complete(cli, "migrate", "--to", "1") == []


async def test_commands_are_offered_too(cli: Cli) -> None:
    assert await complete(cli, "ro") == ["rollback"]
