"""The command as its user meets it: a process, two streams, an exit status."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

# In this order: what an earlier rule has replaced is not seen by a later one.
MASKS = (
    (re.compile(r"asyncmigrate_test_\d+_\d+(_role\d+)?"), r"DATABASE\1"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (
        re.compile(
            r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?| UTC)?"
        ),
        "TIME",
    ),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
    (re.compile(r"(\b(?:127\.0\.0\.1|localhost|\[?::1\]?):)\d+"), r"\1PORT"),
    (re.compile(r"(\bport[ =:]+)\d+", re.IGNORECASE), r"\1PORT"),
    (re.compile(r"(\b(?:pid|process|backend)[ =:]+)\d+", re.IGNORECASE), r"\1PID"),
    (re.compile(r'("[a-z_]*pid": )\d+'), r"\1PID"),
    (re.compile(r'("[a-z_]*_ms": )[\d.]+'), r"\1N"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|µs|s|min)\b"), r"N \2"),
)


def mask(text: str, *places: Path) -> str:
    """Replace what differs from run to run: times, ids, ports, pids, temporary paths."""
    for place in sorted({str(path) for path in places}, key=len, reverse=True):
        text = text.replace(place, "TMP")
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: its exit status and both its streams, unmasked."""

    exit_status: int
    stdout: str
    stderr: str
    cwd: Path

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that ``--json`` promises."""
        return json.loads(self.stdout)

    @property
    def shown(self) -> str:
        """All of it in one masked text, for an inline snapshot."""
        shown = [f"exit {self.exit_status}"]
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            if text.strip():
                shown += [f"--- {name}", mask(text, self.cwd, self.cwd.resolve())]
        return "\n".join(shown)

    def __repr__(self) -> str:
        return self.shown


class Cli:
    """Runs ``python -m asyncmigrate`` in a directory and environment of its own."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.environment = _clean_environment(cwd)
        self.module = "asyncmigrate"
        self.prefix: tuple[str, ...] = ()
        """What runs the command in its turn, such as a sandbox."""
        self._started: list[anyio.abc.Process] = []

    async def __call__(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 50,  # noqa: ASYNC109 - a limit for a process, not for us
    ) -> Outcome:
        """Run a command to its end."""
        with anyio.fail_after(timeout):
            done = await anyio.run_process(
                self._command(arguments),
                input=stdin.encode(),
                cwd=self.cwd,
                env={**self.environment, **(env or {})},
                check=False,
            )
        return Outcome(
            exit_status=done.returncode,
            stdout=done.stdout.decode(),
            stderr=done.stderr.decode(),
            cwd=self.cwd,
        )

    async def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> anyio.abc.Process:
        """Start a command, for signals and for its output as it comes.

        It is killed when the test ends, if it has not ended before.
        """
        process = await anyio.open_process(
            self._command(arguments),
            stdin=subprocess.DEVNULL,
            cwd=self.cwd,
            env={**self.environment, **(env or {})},
        )
        self._started.append(process)
        return process

    async def close(self) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.aclose()

    def _command(self, arguments: tuple[str | Path, ...]) -> list[str]:
        command = (sys.executable, "-m", self.module)
        return [*self.prefix, *command, *map(str, arguments)]


def _clean_environment(home: Path) -> dict[str, str]:
    kept = ("PATH", "TMPDIR", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    coverage = {
        name: value for name, value in os.environ.items() if name.startswith("COV")
    }
    return (
        environment
        | coverage
        | {"HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "100"}
    )
