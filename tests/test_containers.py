"""The container files: well-formed, careful, and in step with the repository."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.commands import Cli
from tests.kit.databases import Database

CHECKOUT = Path(__file__).parent.parent


def _instructions() -> list[tuple[str, str]]:
    text = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, " ".join(rest.split()))
        for line in text.splitlines()
        if line.strip()
        for word, _, rest in [line.partition(" ")]
    ]


def _last_stage() -> dict[str, str]:
    instructions = _instructions()
    start = max(n for n, (word, _) in enumerate(instructions) if word == "FROM")
    return dict(instructions[start:])


def _compose() -> Any:
    return yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))


def test_signals_reach_the_command_since_no_shell_stands_between() -> None:
    last = _last_stage()

    assert json.loads(last["ENTRYPOINT"]) == ["asyncmigrate"]
    assert json.loads(last["CMD"])[0] == "migrate"


def test_the_image_runs_as_nobody_in_particular() -> None:
    user, _, group = _last_stage()["USER"].partition(":")

    # Numbers, since a cluster can check only those for not being root's.
    assert int(user) >= 10_000
    assert int(group) >= 10_000


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignore = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    admitted = {line[1:] for line in ignore if line.startswith("!")}
    copied = [
        source
        for word, rest in _instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in shlex.split(rest)[:-1]
    ]

    assert "*" in ignore
    assert set(copied) == admitted
    assert [source for source in copied if not (CHECKOUT / source).exists()] == []


def test_the_migrate_service_waits_for_a_healthy_database_and_runs_once() -> None:
    services = _compose()["services"]
    migrate = services["migrate"]

    assert migrate["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["database"]["healthcheck"]["test"][0] == "CMD"
    assert migrate["restart"] == "no"
    assert migrate["read_only"] is True
    assert migrate["volumes"] == ["./migrations:/app/migrations:ro"]
    assert _last_stage()["WORKDIR"] == "/app"


def _compose_command() -> list[str]:
    """Compose as docker's plugin, or by itself; empty where there is neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if found := shutil.which(command[0]):
            whole = [found, *command[1:]]
            done = subprocess.run([*whole, "version"], check=False, capture_output=True)
            if done.returncode == 0:
                return whole
    return []


def test_compose_itself_accepts_the_file() -> None:
    command = _compose_command()
    if not command:
        pytest.skip("there is no compose on this machine")

    done = subprocess.run(
        [*command, "-f", CHECKOUT / "compose.yaml", "config"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() == {"database", "migrate"}


async def test_the_services_command_migrates_and_writes_no_file(
    database: Database, cli: Cli
) -> None:
    shutil.copytree(
        CHECKOUT / "migrations",
        cli.cwd / "migrations",
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    before = _tree(cli.cwd)
    environment = {
        "DATABASE_URL": database.dsn,
        "HOME": "/nonexistent",
        "TMPDIR": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    outcome = await cli(*_compose()["services"]["migrate"]["command"], env=environment)

    assert outcome.exit_status == 0, outcome
    assert "14 migrations applied" in outcome.stdout
    assert _tree(cli.cwd) == before


def _tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}
