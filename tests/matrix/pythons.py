"""Every Python that is supported and found here, each with an environment of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.matrix.servers import CACHE, CHECKOUT

SUPPORTED: Final = ((3, 11), (3, 12), (3, 13), (3, 14))
OWN: Final = sys.version_info[:2]
"""The one that runs this: its environment is there already."""
_PROBE: Final = "import sys, venv, ensurepip; print(*sys.version_info[:2])"


def available() -> dict[tuple[int, int], str]:
    """The interpreters that can make an environment, the oldest first."""
    found = {OWN: sys.executable}
    for wanted in SUPPORTED:
        for candidate in _candidates(*wanted):
            if wanted not in found and _answers(candidate, wanted):
                found[wanted] = candidate
    return dict(sorted(found.items()))


def _candidates(major: int, minor: int) -> Iterator[str]:
    name = f"python{major}.{minor}"
    if on_path := shutil.which(name):
        yield on_path
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    for home in sorted(versions.glob(f"{major}.{minor}.*"), reverse=True):
        yield str(home / "bin" / name)


def _answers(candidate: str, wanted: tuple[int, int]) -> bool:
    try:
        done = subprocess.run(
            [candidate, "-c", _PROBE], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return done.stdout.split() == [str(number) for number in wanted]


def interpreter(version: tuple[int, int], found: str) -> str:
    """The Python of an environment with the package and the tools of its tests."""
    if version == OWN:
        return found
    home = CACHE / "pythons" / ".".join(map(str, version))
    python, ready = str(home / "bin" / "python"), home / "ready"
    project = CHECKOUT / "pyproject.toml"
    if not ready.exists() or ready.stat().st_mtime < project.stat().st_mtime:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [found, "-m", "venv", str(home)],
            # An old pip knows no dependency groups.
            [*pip, "pip>=25.1"],
            [*pip, "--editable", ".[embedded]", "--group", "dev"],
        ):
            subprocess.run(command, cwd=CHECKOUT, check=True)
        ready.touch()
    return python
