"""The fixture of this folder: an empty directory of migrations."""

from pathlib import Path

import pytest

from tests.layouts.disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    path = tmp_path / "migrations"
    path.mkdir()
    return Disk(path)
