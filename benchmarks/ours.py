"""asyncmigrate itself, installed as its users have it.

Not the checkout's own environment: the finder of an editable install is imported at
every start of Python in it, and takes as long as the start itself (12 of 24 ms).
"""

import shutil
import tempfile
from pathlib import Path

from benchmarks.peers.peer import make_environment, pip_install

ROOT = Path(__file__).parent.parent
LEFT_OUT = (".*", "build", "*.egg-info", "__pycache__", "node_modules", "docs", "tests")


def install(home: Path) -> Path:
    """Install the checkout as it is now into a virtual environment; its programs."""
    with tempfile.TemporaryDirectory() as place:
        # A build in the checkout would leave its folders there.
        copy = Path(place) / "asyncmigrate"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
        if not (home / "bin" / "asyncmigrate").exists():
            shutil.rmtree(home, ignore_errors=True)
            make_environment(home)
            pip_install(home, copy)
        else:
            pip_install(home, "--force-reinstall", "--no-deps", copy)
    return home / "bin"
