"""Someone who reads a page and does what it says, in a directory of their own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from asyncmigrate._settings import resolve
from tests.docs.blocks import Block
from tests.kit.commands import mask

HERE: Final = Path(__file__).parent
DSN: Final = "postgresql://app@localhost/app"
"""The database of every example; the reader's own takes its place."""
PORT: Final = "8000"
SHOWN_ONLY: Final = frozenset({"text", "{toctree}", "{eval-rst}", "{help}"})

# Each block is a shell of its own; what it exported and where it was go on.
BASH: Final = ("/usr/bin/env", "bash", "-c")
_SHELL: Final = """\
set -e
. "$READER/environment"
cd "$(cat "$READER/directory")"
trap 'status=$?; export -p > "$READER/environment"; pwd > "$READER/directory"; exit $status' EXIT
"""


class Surprise(AssertionError):
    """A block did something else than the page says."""


class Reader:
    """Goes through one page; processes that it leaves running end with `close`."""

    def __init__(self, home: Path, dsn: str, environment: Mapping[str, str]) -> None:
        self.home = home / "here"
        self.dsn = dsn
        self._state = home / "state"
        self._port = str(_free_port())
        self._written = {"prints": "", "says": ""}
        self._tried = 0
        self._running: list[subprocess.Popen[bytes]] = []
        self.home.mkdir()
        self._state.mkdir()
        (self._state / "environment").touch()
        (self._state / "directory").write_text(str(self.home), encoding="utf-8")
        tools = (str(HERE / "bin"), str(Path(sys.executable).parent))
        self._environment = {
            **environment,
            "PATH": os.pathsep.join((*tools, environment["PATH"])),
            "HOME": str(home),
            "READER": str(self._state),
            "DATABASE_URL": dsn,
            "UVICORN_PORT": self._port,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def close(self) -> None:
        for process in self._running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def do(self, block: Block) -> str | None:
        """Do what one block says; the SQL that is left for the caller to execute."""
        text = block.text.replace(DSN, self.dsn).replace(f":{PORT}", f":{self._port}")
        language, remarks = block.language, block.remarks
        compared = remarks.keys() & self._written.keys()
        if "not run" in remarks or (language in SHOWN_ONLY and not compared):
            return None
        if "file" in remarks:
            self._write(remarks["file"], text)
        elif compared:
            self._compare(text, *compared)
        elif "serves" in remarks:
            self._serve(text, remarks["serves"])
        elif language in {"console", "do"}:
            self._run(text, int(remarks.get("exits", 0)))
        elif language == "python":
            self._run(f"{sys.executable} - <<'PYTHON'\n{text}\nPYTHON\n", 0)
        elif language == "sql" and "-- UP" in text:
            self._migrate(text)
        elif language == "sql":
            return text
        else:
            _read(language, text)
        return None

    def _run(self, text: str, status: int) -> None:
        done = subprocess.run(
            [*BASH, _SHELL + text],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self._written = {"prints": done.stdout, "says": done.stderr}
        if done.returncode != status:
            told = f"{done.stdout}\n{done.stderr}".strip()
            message = f"exit {done.returncode} instead of {status}\n{told}"
            raise Surprise(message)

    def _serve(self, text: str, path: str) -> None:
        log = self._state / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*BASH, _SHELL + text],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        deadline = time.monotonic() + 40
        while not _answers(f"http://127.0.0.1:{self._port}{path}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Surprise(log.read_text(encoding="utf-8"))
            time.sleep(0.1)

    def _write(self, name: str, text: str) -> None:
        here = Path((self._state / "directory").read_text(encoding="utf-8").strip())
        path = here / name
        if "*" in name:
            (path,) = here.glob(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _compare(self, text: str, which: str) -> None:
        written = self._written[which]
        if _masked(text, self.home) != _masked(written, self.home):
            message = f"what it {which} is\n{written}"
            raise Surprise(message)

    def _migrate(self, text: str) -> None:
        """A migration that stands for itself: apply it, and undo it if it says how."""
        self._tried += 1
        directory = self._state / f"tried{self._tried}"
        directory.mkdir()
        (directory / "0001_shown.sql").write_text(text, encoding="utf-8")
        options = f"--quiet --namespace tried{self._tried} --directory {directory}"
        self._run(f"asyncmigrate migrate {options}\n", 0)
        if "-- DOWN" in text:
            self._run(f"asyncmigrate rollback {options}\n", 0)


def _masked(text: str, home: Path) -> str:
    """Without what differs from day to day: times, made versions, width of columns."""
    text = re.sub(r"\b20\d{6}_(\d{3})(?!\d)", r"DATE_\1", mask(text, home))
    return re.sub(r" {2,}", "  ", text).strip()


def _read(language: str, text: str) -> None:
    """Files that are no program must at least be what they say."""
    if language == "toml":
        document = tomllib.loads(text)
        resolve({}, {}, document.get("tool", {}).get("asyncmigrate", {}))
    elif language == "yaml":
        list(yaml.safe_load_all(text))
    elif language == "json":
        json.loads(text)
    else:
        message = f"nobody knows what to do with {language or 'a fence of no language'}"
        raise Surprise(message)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
