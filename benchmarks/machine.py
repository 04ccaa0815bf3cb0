"""What the machine was, and how busy."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

VERSIONS = """\
import json, platform
from importlib.metadata import version

python = f"{platform.python_version()} ({platform.python_compiler()})"
names = ("asyncpg", "typer")
print(json.dumps({"python": python, **{name: version(name) for name in names}}))
"""


def describe(postgres: int, programs: Path) -> dict[str, str]:
    """Facts that a figure means nothing without; versions are those in *programs*."""
    return {
        "processors": f"{os.cpu_count()} x {_processor()}",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        **_versions(programs),
        "postgres": str(postgres),
    }


def _versions(programs: Path) -> dict[str, str]:
    """What is installed where the measured programs are, and not here."""
    answer = subprocess.run(
        [programs / "python", "-c", VERSIONS], capture_output=True, check=True
    )
    found: dict[str, str] = json.loads(answer.stdout)
    return found


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
