"""Directories of the embedded server, and their end.

A home is a fresh directory under the system's temporary one. Its lock is held, through
one open file, by the process that asked for the server, by the server and by its
watcher; the kernel gives it up when the last of them is gone, however they went. So a
home whose lock is free belongs to nobody any more, and the next start sweeps it away.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from asyncmigrate._embedded.account import Account
from asyncmigrate.errors import EmbeddedServerUnavailable

PREFIX: Final = "asyncmigrate-pg-"
LOCK: Final = "lock"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a fresh private directory is made in it
ENOUGH_MEMORY: Final = 1 << 30
"""Bytes free in `MEMORY`; a container often has 64 MB there, one server takes 60."""

YOUNG: Final = 60.0
"""Seconds; between the making of a home and of its lock nobody may sweep it."""

# Neither is needed to run a server, and they are half of the size.
SKIPPED: Final = shutil.ignore_patterns("include", "*.a", "*.pyc", "__pycache__")


class Home:
    """A directory of our own, which outlives no process that uses it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock
        """The descriptor that the server and its watcher inherit."""

    def remove(self) -> None:
        """Delete the directory, and give up the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            os.close(self.lock)


def make_home(account: Account, *, in_memory: bool) -> Home:
    """A new home, in memory when that is wanted and there is enough."""
    temporary = _temporary_directory()
    for base in {MEMORY, temporary}:
        sweep(base, account)
    base = MEMORY if in_memory and _has_room(MEMORY) else temporary
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    account.give(path)
    return Home(path, lock)


def sweep(base: Path, account: Account) -> None:
    """Delete the homes in *base* that nobody uses any more, ours alone."""
    owners = {os.geteuid(), account.uid}
    for path in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            facts = path.lstat()
            if facts.st_uid in owners and path.is_dir() and not path.is_symlink():
                _sweep_one(path, age=time.time() - facts.st_ctime)


def _sweep_one(path: Path, *, age: float) -> None:
    try:
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        if age > YOUNG:
            shutil.rmtree(path, ignore_errors=True)
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if age > YOUNG or (path / "data").exists():
            shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(lock)


def readable_copy(sources: Sequence[Path], *, below: Path) -> Path:
    """A copy of *sources* that every user can read, made once and kept.

    Each stands in it as it stands relative to *below*.
    """
    cache = _cache_directory()
    stamp = "\n".join(f"{path} {path.stat().st_mtime_ns}" for path in sources)
    copy = cache / hashlib.sha256(stamp.encode()).hexdigest()[:16]
    with (cache / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
            for source in sources:
                target = unfinished / source.relative_to(below)
                shutil.copytree(source, target, symlinks=True, ignore=SKIPPED)
            for folder, _, files in os.walk(unfinished):
                Path(folder).chmod(0o755)
                for name in files:
                    file = Path(folder, name)
                    if not file.is_symlink():
                        runnable = file.stat().st_mode & 0o100
                        file.chmod(0o755 if runnable else 0o644)
            unfinished.rename(copy)
    return copy


def _cache_directory() -> Path:
    cache = _temporary_directory() / f"asyncmigrate-binaries-{os.geteuid()}"
    with suppress(FileExistsError):
        cache.mkdir(mode=0o755)
    facts = cache.lstat()
    # Programs will be run from it, and the temporary directory is everybody's.
    private = facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
    if not private or not cache.is_dir() or cache.is_symlink():
        raise EmbeddedServerUnavailable(
            reason=f"{cache} belongs to another user, or others can write to it",
            hint="remove that directory",
        )
    cache.chmod(0o755)
    return cache


def _temporary_directory() -> Path:
    """The system's, or /tmp when a root process was given a private one."""
    chosen = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() != 0:
        return chosen
    for path in (chosen, *chosen.parents):
        if not path.stat().st_mode & 0o001:
            return Path("/tmp")  # noqa: S108 - fresh private directories are made in it
    return chosen


def _has_room(directory: Path) -> bool:
    try:
        facts = os.statvfs(directory)
    except OSError:
        return False
    free = facts.f_bavail * facts.f_frsize
    return free >= ENOUGH_MEMORY and os.access(directory, os.W_OK | os.X_OK)
