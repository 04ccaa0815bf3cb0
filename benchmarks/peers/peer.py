"""What an adapter does for another tool."""

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from benchmarks.processes import Command
from benchmarks.workload import Change

INSTALL_TIMEOUT = 300.0
PIP = "pip>=25.1"
"""The scripts that an older one writes start 7 ms later."""


class Missing(Exception):
    """It cannot be installed here; the message says why."""


@dataclass(frozen=True, slots=True)
class Project:
    """A directory with the migrations in the tool's own layout."""

    directory: Path
    count: int


class Kind(StrEnum):
    """What it is written in, as far as an aim asks."""

    PYTHON = "Python"
    NODE = "Node"
    OTHER = "other"


class Peer(ABC):
    """Another tool."""

    name: ClassVar[str]
    """With its version."""
    kind: ClassVar[Kind]
    largest: ClassVar[int] = 1000
    """How many migrations it is asked to apply at most; more take it too long."""

    @abstractmethod
    def install(self, home: Path) -> None:
        """Install it below *home*, unless it is there; raises `Missing`."""

    @abstractmethod
    def write(self, changes: Sequence[Change], directory: Path) -> None:
        """Write the migrations in its layout into a new directory."""

    @abstractmethod
    def apply(self, project: Project, dsn: str) -> Command:
        """Apply what is pending; the same with nothing to do."""

    @abstractmethod
    def rollback(self, project: Project, dsn: str) -> Command | None:
        """Undo all of them in one call, where it can."""


def pip(home: Path, *requirements: str) -> Path:
    """A virtual environment with these packages; its folder of programs."""
    programs = home / "bin"
    stamp = home / ".installed"
    wanted = (PIP, *requirements)
    if _is_fresh(stamp, wanted):
        return programs
    shutil.rmtree(home, ignore_errors=True)
    make_environment(home)
    pip_install(home, *requirements)
    stamp.write_text("\n".join(wanted), encoding="utf-8")
    return programs


def make_environment(home: Path) -> None:
    """A virtual environment."""
    _call([sys.executable, "-m", "venv", home])
    pip_install(home, PIP)


def pip_install(home: Path, *arguments: str | Path) -> None:
    """Install into the virtual environment."""
    quiet = ("--quiet", "--disable-pip-version-check")
    _call([home / "bin" / "python", "-m", "pip", "install", *quiet, *arguments])


def npm(home: Path, *requirements: str) -> Path:
    """A folder with these packages; its `node_modules`."""
    modules = home / "node_modules"
    stamp = home / ".installed"
    if shutil.which("node") is None or shutil.which("npm") is None:
        message = "Node and npm are not installed"
        raise Missing(message)
    if _is_fresh(stamp, requirements):
        return modules
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "package.json").write_text('{"private": true}', encoding="utf-8")
    _call(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", *requirements],
        directory=home,
    )
    stamp.write_text("\n".join(requirements), encoding="utf-8")
    return modules


def on_path(program: str, hint: str) -> Path:
    """A program of the system."""
    found = shutil.which(program)
    if found is None:
        message = f"{program} is not installed: {hint}"
        raise Missing(message)
    return Path(found)


def as_user(dsn: str) -> str:
    """The DSN without its query, for tools that want it in words of their own."""
    return dsn.partition("?")[0]


def _is_fresh(stamp: Path, requirements: Sequence[str]) -> bool:
    return stamp.exists() and stamp.read_text("utf-8") == "\n".join(requirements)


def _call(arguments: Sequence[str | Path], directory: Path | None = None) -> None:
    try:
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=directory,
            env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"},
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(" / ".join(lines[-2:])[-300:] or "its installation failed")
