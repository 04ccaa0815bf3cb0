"""Files are hashed beside the connecting for a moment, then while the server works."""

import asyncio
from pathlib import Path

import pytest

from asyncmigrate._digests import PlainDirectory
from asyncmigrate._engine import hashing
from asyncmigrate._engine.hashing import Hashing

COUNT = 100


class Counted(PlainDirectory):
    slices_read = 0

    def _read(self, here: int, prefix: str, names: list[str]) -> None:
        super()._read(here, prefix, names)
        self.slices_read += 1


@pytest.fixture
def directory(tmp_path: Path) -> Counted:
    for number in range(COUNT):
        (tmp_path / f"{number:04}_n.sql").write_text("SELECT 1;")
    return Counted(str(tmp_path))


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_it_pauses_until_the_question_is_sent(
    directory: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_BESIDE", 1e-9)

    begun = Hashing(directory)
    await turns(10)
    before = directory.slices_read
    await turns(50)
    beside = directory.slices_read
    begun.resume()
    await turns(50)

    assert (before, beside, directory.slices_read) == (0, 1, 4)
    assert len(await begun.digests() or ()) == COUNT


async def test_what_is_left_is_read_at_the_end(directory: Counted) -> None:
    begun = Hashing(directory)

    digests = await begun.digests()

    assert len(digests or ()) == COUNT
    assert directory.slices_read == 4
