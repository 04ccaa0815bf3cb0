"""What the machine was, and how busy."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def describe(postgres: int) -> dict[str, str]:
    """Facts that a figure means nothing without."""
    return {
        "processors": f"{os.cpu_count()} x {_processor()}",
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "asyncpg": version("asyncpg"),
        "typer": version("typer"),
        "postgres": str(postgres),
    }


def now() -> str:
    """The time."""
    return datetime.now(UTC).isoformat(timespec="minutes")


def load() -> str:
    """How many processes wanted to run, over one, five and fifteen minutes."""
    return " ".join(f"{average:.1f}" for average in os.getloadavg())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """Which asyncmigrate this is."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - the system's
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
