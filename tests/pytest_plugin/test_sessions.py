"""What sessions share, what they leave to the next one, and what they leave alone."""

import time
from collections.abc import Callable

import pytest

from tests.pytest_plugin.conftest import COUNTED, USERS, Project

ASKS = """\
import pytest

@pytest.mark.parametrize("time", range(4))
def test_asks(migrated_dsn, time):
    pass
"""
WAITS = """\
import pathlib, time

def test_waits(migrated_dsn):
    place = pathlib.Path(__file__).parent
    place.joinpath("began").touch()
    while not place.joinpath("go").exists():
        time.sleep(0.02)
"""


def wait_until(said: Callable[[], object], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def clones(project: Project) -> set[str]:
    return {name for name in project.databases() if "_template_" not in name}


def runs(project: Project) -> int:
    return len((project.path / "runs").read_text(encoding="utf-8").splitlines())


def test_a_template_serves_until_a_file_changes_and_then_the_new_one_replaces_it(
    project: Project,
) -> None:
    project.files.add("0003_counted.py", COUNTED)
    project.tests(test_asks=ASKS)

    project.run().assert_outcomes(passed=4)
    [first] = project.templates()
    project.run().assert_outcomes(passed=4)
    again = project.templates(), runs(project)
    project.files.add("0001_users.sql", USERS + "\n-- Who they are.\n")
    project.run().assert_outcomes(passed=4)

    assert again == ({first}, 1)
    assert runs(project) == 2
    [second] = project.templates()
    assert second != first


@pytest.mark.parametrize("given", [True, False], ids=["given server", "embedded"])
def test_the_workers_of_xdist_share_one_template(
    given: bool,  # noqa: FBT001 - a parameter
    project: Project,
) -> None:
    project.files.add("0003_counted.py", COUNTED)
    project.tests(
        test_asks=ASKS
        + "import os, urllib.parse\n"
        + "def test_says_where(migrated_dsn):\n"
        + "    port = urllib.parse.urlsplit(migrated_dsn).port\n"
        + "    print('PORT', port)\n"
    )

    ran = project.run(
        "-n2", "--dist=each", plugins=("xdist",), dsn="" if given else None
    )

    ran.assert_outcomes(passed=10)
    assert runs(project) == 1


def test_a_killed_session_is_cleared_away_and_a_living_one_left_alone(
    project: Project,
) -> None:
    project.tests(test_waits=WAITS, test_asks=ASKS)
    living, killed = project.start("test_waits.py"), project.start("test_waits.py")
    wait_until((project.path / "began").exists)
    (project.path / "began").unlink()
    wait_until(lambda: len(clones(project)) >= 2)
    both = clones(project)

    killed.kill()
    killed.wait()
    project.run("test_asks.py").assert_outcomes(passed=4)

    left = clones(project) & both
    (project.path / "go").touch()
    assert living.wait() == 0
    assert len(left) == 1
    assert clones(project) & both == set()
