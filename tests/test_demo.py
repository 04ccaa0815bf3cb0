"""The demonstration shows the main job, and leaves nothing behind however it ends."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from anyio.streams.text import TextReceiveStream

from tests.kit.commands import Cli

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture
def temporary(tmp_path: Path, cli: Cli) -> Path:
    """The temporary directory of the command."""
    # Sockets have short paths, and those of pytest are long; the server looks for itself.
    path = tmp_path / "temporary"
    path.mkdir()
    cli.environment |= {"TMPDIR": str(path), "COLUMNS": "80"}
    return path


def _port(shown: str) -> int:
    found = re.search(r"PostgreSQL \d+ runs on port (\d+)", shown)
    assert found, shown
    return int(found[1])


def _answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _contents(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def _own_lines(text: str) -> Iterator[str]:
    """The demonstration's own lines; those that commands print are theirs to fit."""
    own = (
        "$",
        "A ",
        "views",
        "PostgreSQL",
        "Meanwhile",
        "(",
        "That",
        "Where",
        "  async",
    )
    return (line for line in text.splitlines() if line.startswith(own))


async def test_the_demo_shows_two_runners_a_roll_back_and_a_caught_edit(
    cli: Cli,
    temporary: Path,
    anyio_backend: str,  # noqa: ARG001 - makes the test async
) -> None:
    outcome = await cli("demo", timeout=30)

    assert outcome.exit_status == 0, outcome
    story = [
        "Meanwhile the other one:\n",
        "14 applied, 0 pending; the newest applied is 20260302_001\n",
        "3 migrations rolled back, 2 migrations applied in ",
        "1 migration applied in ",
        "migration 20260105_001 was edited after it was applied\n",
        "-    price numeric(8, 2) NOT NULL CHECK (price >= 0),\n",
        "+    price numeric(8, 2) NOT NULL CHECK (price > 0),\n",
        "(The command ends with exit status 4.)\n",
        "Where to go next:\n",
    ]
    places = [outcome.stdout.find(scene) for scene in story]
    assert -1 not in places, story[places.index(-1)]
    assert places == sorted(places)
    applied = re.findall(r"(\d+) migrations? applied in", outcome.stdout[: places[1]])
    assert sum(map(int, applied)) == 14
    assert "] applied repeatable/stock_on_hand.sql" in outcome.stderr
    assert [line for line in _own_lines(outcome.stdout) if len(line) > 80] == []
    assert not _answers(_port(outcome.stdout))
    assert _contents(temporary) == []


async def test_the_demo_writes_one_json_document_when_it_is_asked_to(
    cli: Cli,
    temporary: Path,  # noqa: ARG001 - sets the environment
    anyio_backend: str,  # noqa: ARG001 - makes the test async
) -> None:
    outcome = await cli("demo", "--json", timeout=30)

    assert outcome.exit_status == 0, outcome
    document = json.loads(outcome.stdout)
    assert (document["command"], document["ok"]) == ("demo", True)


async def test_the_demo_takes_no_notice_of_the_users_own_settings(
    cli: Cli,
    temporary: Path,  # noqa: ARG001 - sets the environment
    anyio_backend: str,  # noqa: ARG001 - makes the test async
) -> None:
    settings = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
        "ASYNCMIGRATE_NAMESPACE": "mine",
        "ASYNCMIGRATE_PROTECTED": "true",
        "PGSSLMODE": "require",
        "PGPORT": "1",
    }

    outcome = await cli("demo", env=settings, timeout=30)

    assert outcome.exit_status == 0, outcome
    assert "namespace" not in outcome.stdout


@pytest.mark.parametrize("moment", ["A bookshop", "PostgreSQL"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_demo_stops_its_server_and_removes_everything(
    cli: Cli,
    temporary: Path,
    moment: str,
    number: signal.Signals,
    anyio_backend: str,  # noqa: ARG001 - makes the test async
) -> None:
    process = await cli.start("demo")
    assert process.stdout is not None
    shown = ""

    with anyio.fail_after(30):
        async for line in _lines(TextReceiveStream(process.stdout)):
            shown += line
            if line.startswith(moment):
                process.send_signal(number)
                break
        await process.wait()

    assert process.returncode == 128 + number
    assert moment == "A bookshop" or not _answers(_port(shown))
    assert _contents(temporary) == []


async def _lines(stream: TextReceiveStream) -> AsyncIterator[str]:
    rest = ""
    async for text in stream:
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield line + "\n"


async def test_the_demo_runs_from_a_wheel_which_holds_the_sample(
    tmp_path: Path,
    cli: Cli,
    temporary: Path,  # noqa: ARG001 - sets the environment
    anyio_backend: str,  # noqa: ARG001 - makes the test async
) -> None:
    site = await anyio.to_thread.run_sync(_build_and_unpack, tmp_path)

    outcome = await cli("demo", env={"PYTHONPATH": str(site)}, timeout=30)

    packed = {path.relative_to(site).as_posix() for path in site.rglob("*.py")}
    ours = {
        path.relative_to(tmp_path / "source").as_posix()
        for path in (tmp_path / "source" / "asyncmigrate").rglob("*.py")
    }
    sample = site / "asyncmigrate" / "_sample"
    assert {
        path for path in packed if not path.startswith("asyncmigrate/_sample")
    } == ours
    assert {path.relative_to(sample) for path in sample.rglob("*.*")} == {
        path.relative_to(CHECKOUT / "migrations")
        for path in (CHECKOUT / "migrations").rglob("*.*")
        if path.suffix != ".pyc"
    }
    assert outcome.exit_status == 0, outcome
    assert "14 applied, 0 pending" in outcome.stdout


def _build_and_unpack(place: Path) -> Path:
    """The wheel's contents, of a copy, since a build leaves traces in its source."""
    source, site = place / "source", place / "site"
    for name in ("asyncmigrate", "migrations"):
        shutil.copytree(
            CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    build = "import sys; from setuptools.build_meta import *; build_wheel(sys.argv[1])"
    command = [sys.executable, "-W", "ignore", "-c", build, str(place)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [wheel] = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(site)
    return site
