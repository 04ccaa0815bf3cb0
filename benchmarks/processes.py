"""Whole processes, timed from their start to their end."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import Failed, Figures

PROGRAMS = Path(__file__).parent / "programs"
LONGEST = 300.0
"""Seconds until a process that does not end is ended."""

KEPT = ("PATH", "TMPDIR")

# The kernel counts into a child's largest size what its parent was before exec. So a
# small process stands between, and says on its last line what its own child was.
SMALL_PARENT = """\
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=open(os.environ["RSS_FILE"], "w"))
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments."""

    arguments: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    accepts: tuple[int, ...] = (0,)
    """Exit statuses of success."""

    @property
    def title(self) -> str:
        """The program's name."""
        return Path(self.arguments[0]).name

    @property
    def full_environment(self) -> dict[str, str]:
        """Nothing of ours but where programs and temporary files are."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        home = str(self.directory or Path.cwd())
        return {**kept, "HOME": home, "LANG": "C.UTF-8", **self.environment}


def run(command: Command) -> Figures:
    """Run it to its end: `seconds` from start to end, `cpu` of it and its children.

    A line of standard output that is a JSON object adds figures of its own.
    """
    with tempfile.TemporaryFile() as output:
        before = _cpu_of_children()
        started = time.perf_counter()
        process = _start(command, output.fileno())
        with _at_most(LONGEST, [process]):
            status = process.wait()
        seconds = time.perf_counter() - started
        cpu = _cpu_of_children() - before
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if status not in command.accepts:
        raise Failed(command.title, f"ended with {status}", _end_of(text))
    return {"seconds": seconds, "cpu": cpu, **_own_figures(text)}


def run_together(command: Command, count: int) -> Figures:
    """Start *count* of them at once: `seconds` until the last has ended, `failed`."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        processes = [_start(command, output.fileno()) for _ in range(count)]
        with _at_most(LONGEST, processes):
            statuses = [process.wait() for process in processes]
        seconds = time.perf_counter() - started
    failed = sum(status not in command.accepts for status in statuses)
    return {"seconds": seconds, "failed": float(failed)}


@contextmanager
def _at_most(
    seconds: float, processes: Sequence[subprocess.Popen[bytes]]
) -> Iterator[None]:
    """Kill those that have not ended by then.

    A wait with a limit of its own is no alternative: Python's asks again and again, with
    pauses of up to 50 ms, and every figure would be rounded up to one of them.
    """

    def kill() -> None:
        for process in processes:
            process.kill()

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def largest(command: Command) -> Figures:
    """Run it to its end: `bytes`, the most memory that it held at once."""
    with tempfile.NamedTemporaryFile(mode="r") as answer:
        parent = Command(
            [sys.executable, "-I", "-S", "-c", SMALL_PARENT, *command.arguments],
            {**command.environment, "RSS_FILE": answer.name},
            command.directory,
            command.accepts,
        )
        figures = run(parent)
        return {**figures, "bytes": float(answer.read()) * 1024}


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _start(command: Command, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(argument) for argument in command.arguments],
        cwd=command.directory,
        env=command.full_environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _own_figures(text: str) -> dict[str, float]:
    last = text.rstrip().rpartition("\n")[2]
    if not last.startswith("{"):
        return {}
    try:
        found = json.loads(last)
    except ValueError:
        return {}
    return {name: value for name, value in found.items() if isinstance(value, float)}


def _end_of(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    return " / ".join(lines[-4:])[-600:] or "it wrote nothing"
