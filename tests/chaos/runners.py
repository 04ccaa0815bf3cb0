"""Runners: processes of the command, started, killed, stopped and waited for."""

import asyncio
import itertools
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

KILLED = -signal.SIGKILL
STARTING = ("LANG", "PATH", "TMPDIR", "VIRTUAL_ENV")


@dataclass(slots=True, eq=False)
class Runner:
    """One process of the command."""

    pid: int
    output: Path
    ended: asyncio.Future[int] = field(repr=False)

    @property
    def is_alive(self) -> bool:
        return not self.ended.done()

    @property
    def status(self) -> int:
        """The exit status, negative for a signal."""
        return self.ended.result()

    def said(self) -> str:
        """Everything that it wrote, on both streams."""
        return self.output.read_text("utf-8", "replace") if self.output.exists() else ""

    def send(self, sign: signal.Signals) -> bool:
        """Send a signal; false when the process has ended already.

        The nursery reaps, and tells so afterwards: what has not been told of may be
        gone, but its number is hardly another's within that millisecond.
        """
        if not self.is_alive:
            return False
        try:
            os.kill(self.pid, sign)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> bool:
        return self.send(signal.SIGKILL)

    async def wait(self, limit: float) -> int | None:
        """Its exit status, or null when it still runs after *limit* seconds."""
        done, _ = await asyncio.wait({self.ended}, timeout=limit)
        return self.status if done else None


class Runners:
    """Starts runners in a directory that takes their output."""

    def __init__(self, nursery: Process, scratch: Path) -> None:
        self._nursery = nursery
        self._scratch = scratch
        self._numbers = itertools.count(1)
        self._started: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._alive: dict[int, Runner] = {}

    async def start(
        self,
        dsn: str,
        directory: Path,
        *arguments: str,
        command: str = "migrate",
        settings: Mapping[str, str] | None = None,
    ) -> Runner:
        """Start ``asyncmigrate migrate``, with settings as environment variables."""
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        started = self._started[number] = loop.create_future()
        ended = self._ended[number] = loop.create_future()
        output = self._scratch / f"runner-{number}.txt"
        argv = [command, "--dsn", dsn, "--directory", str(directory), *arguments]
        env = {
            f"ASYNCMIGRATE_{name.upper()}": value
            for name, value in (settings or {}).items()
        }
        order = {"start": number, "argv": argv, "env": env, "output": str(output)}
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
        await self._nursery.stdin.drain()
        runner = Runner(await started, output, ended)
        self._alive[number] = runner
        if ended.done():
            del self._alive[number]
        return runner

    async def listen(self) -> None:
        assert self._nursery.stdout is not None
        async for line in self._nursery.stdout:
            told = json.loads(line)
            if "started" in told:
                self._started.pop(told["started"]).set_result(told["pid"])
            else:
                self._ended.pop(told["ended"]).set_result(told["status"])
                self._alive.pop(told["ended"], None)

    def kill_all(self) -> None:
        for runner in list(self._alive.values()):
            runner.send(signal.SIGCONT)
            runner.kill()


@asynccontextmanager
async def nursery(scratch: Path) -> AsyncGenerator[Runners]:
    """A nursery for the length of the block; no runner outlives it."""
    root = Path(__file__).parents[2]
    environment = {name: os.environ[name] for name in STARTING if name in os.environ}
    environment |= {"HOME": str(scratch), "PYTHONPATH": str(root)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("nursery.py")),
        stdin=PIPE,
        stdout=PIPE,
        env=environment,
        cwd=scratch,
    )
    runners = Runners(process, scratch)
    listening = asyncio.create_task(runners.listen())
    try:
        yield runners
    finally:
        runners.kill_all()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
