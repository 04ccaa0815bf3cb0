import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from asyncmigrate.embedded import EmbeddedPostgres
from tests.kit.commands import Cli
from tests.kit.databases import Database
from tests.kit.polling import eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi_app"
WORKERS = 4
Start = Callable[..., AbstractAsyncContextManager["Served"]]


class Served:
    """A running uvicorn: where it listens, and what it said."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    async def started(self) -> bool:
        """Whether every worker serves."""
        if self.process.poll() is not None:
            pytest.fail(self.log)
        return self.log.count("Application startup complete") == WORKERS


@pytest.fixture
def uvicorn(cli: Cli, database: Database, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def start(**environment: str) -> AsyncGenerator[Served]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        log = tmp_path / "uvicorn.log"
        command = [sys.executable, "-m", "uvicorn", "app:app"]
        command += ["--workers", str(WORKERS), "--port", str(port), "--no-use-colors"]
        with log.open("wb") as output:
            process = await anyio.to_thread.run_sync(
                lambda: subprocess.Popen(
                    command,
                    cwd=EXAMPLE,
                    env={
                        **cli.environment,
                        "DATABASE_URL": database.dsn,
                        "PYTHONDONTWRITEBYTECODE": "1",
                        **environment,
                    },
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        try:
            yield Served(process, port, log)
        finally:
            process.terminate()
            with anyio.move_on_after(10):
                await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    return start


async def test_four_workers_start_on_an_empty_database_and_each_migration_runs_once(
    uvicorn: Start, database: Database
) -> None:
    async with uvicorn() as served:
        await eventually(served.started)
        async with httpx.AsyncClient(base_url=served.url) as http:
            written = await http.post(
                "/entries", json={"author": "Ada", "text": "Hello"}
            )
            entries = (await http.get("/entries")).json()
            health = await http.get("/health/migrations")
            page = await http.get("/migrations")

    rows = await database.history()
    assert written.status_code == 201
    assert [entry["text"] for entry in entries] == ["Hello", "Welcome."]
    assert [row["version"] for row in rows] == ["0001", "0002", "0003"]
    assert len({row["run_id"] for row in rows}) == 1
    assert health.status_code == 200
    assert health.json()["applied"] == 3
    assert "up to date" in page.text


async def test_a_start_with_nothing_to_do_adds_a_connection_and_one_query(
    uvicorn: Start, own_server: Callable[..., EmbeddedPostgres], cli: Cli
) -> None:
    server = own_server(
        settings={"log_statement": "all", "log_connections": "on", **_PREFIX}
    )
    directory = str(EXAMPLE / "migrations")
    await cli("migrate", "--dsn", server.dsn(), "--directory", directory)
    before = len(server.log)

    async with uvicorn(DATABASE_URL=server.dsn()) as served:
        await eventually(served.started)
        log = server.log[before:]

    ours = [line for line in log.splitlines() if line.startswith("<asyncmigrate ")]
    statements = [line for line in ours if "statement: " in line]
    connections = [line for line in log.splitlines() if _CONNECTED.search(line)]
    assert len(statements) == WORKERS
    assert log.count("COPY (") == WORKERS
    assert len(connections) == WORKERS


_PREFIX = {"log_line_prefix": "<%a> "}
_CONNECTED = re.compile(r"connection authorized:.* application_name=asyncmigrate ")


async def _refusal(served: Served) -> str:
    return served.log if "CheckFailed" in served.log else ""


async def test_with_check_no_worker_serves_before_the_job_has_run(
    uvicorn: Start, database: Database
) -> None:
    async with uvicorn(MIGRATIONS="check") as served:
        log = await eventually(lambda: _refusal(served))

    assert "3 migrations pending" in log
    assert "Application startup complete" not in log
    assert await database.tables() == set()


async def test_with_wait_all_serve_once_somebody_has_migrated(
    uvicorn: Start, database: Database, cli: Cli
) -> None:
    async with uvicorn(MIGRATIONS="wait") as served:
        await anyio.sleep(2)
        early = served.log.count("Application startup complete")
        migrated = await cli(
            "migrate",
            "--json",
            *("--dsn", database.dsn),
            *("--directory", str(EXAMPLE / "migrations")),
        )
        await eventually(served.started)

    assert early == 0
    assert len(json.loads(migrated.stdout)["results"]) == 3


def test_the_examples_own_tests_pass() -> None:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    options += ["--import-mode=prepend", "-c", "/dev/null", "--rootdir", str(EXAMPLE)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(EXAMPLE / "tests")],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_what_the_readme_names_is_there() -> None:
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")

    linked = re.findall(r"\]\(([^)#]+)\)", readme)

    assert linked != []
    assert [path for path in linked if not (EXAMPLE / path).exists()] == []
