"""What `validate --base` says of a branch, on real git repositories."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from asyncmigrate._api import validate_against
from asyncmigrate._settings import Settings
from asyncmigrate.errors import InvalidUsage
from tests.kit.commands import Cli

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None, reason="git is not installed"
)


class Repository:
    """A clone with a branch `main` and a work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.migrations = path / "migrations"
        self.migrations.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        return subprocess.run(
            ["git", "-C", str(self.path), *identity, *arguments],  # noqa: S607 - the machine's git
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def write(self, name: str, text: str) -> None:
        (self.migrations / name).write_text(text, encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", "work")

    def findings(self, reference: str = "main") -> list[tuple[str, str]]:
        settings = Settings(directory=(str(self.migrations),))
        found = validate_against(settings, reference)
        return [(each.kind, Path(each.file or "").name) for each in found]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.write("0001_users.sql", "CREATE TABLE users (id int);\n")
    made.write("0002_posts.sql", "CREATE TABLE posts (id int);\n")
    made.commit()
    made.git("checkout", "--quiet", "-b", "feature")
    return made


def test_a_branch_that_only_adds_newer_versions_has_no_finding(
    repository: Repository,
) -> None:
    repository.write("0003_tags.sql", "CREATE TABLE tags (id int);\n")
    repository.commit()

    assert repository.findings() == []


def test_an_edit_that_is_not_committed_yet_is_found(repository: Repository) -> None:
    repository.write("0001_users.sql", "CREATE TABLE users (id bigint);\n")

    assert repository.findings() == [("edited", "0001_users.sql")]


def test_an_edit_of_comments_alone_is_none(repository: Repository) -> None:
    repository.write("0001_users.sql", "-- why\nCREATE TABLE users\n  (id int);\n")

    assert repository.findings() == []


def test_a_renamed_and_a_removed_file_are_told_apart(repository: Repository) -> None:
    text = "CREATE TABLE users (id int);\n"
    repository.write("0005_users.sql", text)
    (repository.migrations / "0001_users.sql").unlink()
    (repository.migrations / "0002_posts.sql").unlink()

    assert repository.findings() == [
        ("removed", "0002_posts.sql"),
        ("renamed", "0005_users.sql"),
    ]


def test_a_new_version_below_the_newest_of_the_other_branch_is_late(
    repository: Repository,
) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.write("0009_theirs.sql", "SELECT 9;\n")
    repository.commit()
    repository.git("checkout", "--quiet", "feature")
    repository.write("0003_mine.sql", "SELECT 3;\n")
    repository.commit()

    assert repository.findings() == [("late", "0003_mine.sql")]


def test_one_version_on_two_branches_is_a_duplicate(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.write("0003_theirs.sql", "SELECT 'theirs';\n")
    repository.commit()
    repository.git("checkout", "--quiet", "feature")
    repository.write("003_mine.sql", "SELECT 'mine';\n")
    repository.commit()

    assert repository.findings() == [("duplicate", "003_mine.sql")]


def test_what_both_branches_did_is_no_finding(repository: Repository) -> None:
    for branch in ("main", "feature"):
        repository.git("checkout", "--quiet", branch)
        repository.write("0001_users.sql", "CREATE TABLE users (id bigint);\n")
        repository.write("0003_same.sql", "SELECT 'the same';\n")
        repository.commit()

    assert repository.findings() == []


def test_a_base_that_cannot_be_resolved_is_an_error_and_never_a_pass(
    repository: Repository,
) -> None:
    repository.git("checkout", "--quiet", "--orphan", "elsewhere")
    repository.write("0003_mine.sql", "SELECT 3;\n")
    repository.commit()

    with pytest.raises(InvalidUsage, match="no git revision"):
        repository.findings("origin/none")
    with pytest.raises(InvalidUsage, match="no common ancestor"):
        repository.findings("main")


def test_a_directory_outside_any_repository_is_an_error(tmp_path: Path) -> None:
    settings = Settings(directory=(str(tmp_path),))

    with pytest.raises(InvalidUsage, match="in no git repository"):
        validate_against(settings, "main")


async def test_the_command_exits_7_and_annotates_the_file(
    repository: Repository, cli: Cli
) -> None:
    clean = await cli("validate", "--base", "main", "--annotations", "github")
    repository.write("0001_users.sql", "CREATE TABLE users (id bigint);\n")

    github = await cli("validate", "--base", "main", "--annotations", "github")
    gitlab = await cli("validate", "--base", "main", "--annotations", "gitlab")

    assert (clean.exit_status, clean.stdout) == (0, "")
    assert (github.exit_status, gitlab.exit_status) == (7, 7)
    head = "::error file=migrations/0001_users.sql,line=1,title=edited::"
    assert github.stdout.startswith(head)
    (found,) = json.loads(gitlab.stdout)
    assert found["location"]["path"] == "migrations/0001_users.sql"


async def test_files_that_are_wrong_come_before_what_a_merge_would_break(
    repository: Repository, cli: Cli
) -> None:
    repository.write("0001_users.sql", "CREATE TABLE users (id bigint);\n")
    repository.write("0003_open.sql", "-- UP\n-- nothing\n")

    shown = await cli("validate", "--base", "main", "--annotations", "github")
    both = await cli("validate", "--annotations", "github", "--json")

    lines = shown.stdout.splitlines()
    assert shown.exit_status == 4
    assert "file=migrations/0003_open.sql" in lines[0]
    assert "file=migrations/0001_users.sql" in lines[1]
    assert both.document["error"]["code"] == "invalid_usage"
