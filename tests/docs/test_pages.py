"""Every command and every snippet that the pages show is run as it stands."""

import shutil
from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of
from tests.docs.reader import Reader
from tests.kit.commands import Cli
from tests.kit.databases import Database

CHECKOUT = Path(__file__).parents[2]
PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
EXAMPLES = tuple(sorted((CHECKOUT / "examples").glob("*/README.md")))


def name_of(page: Path) -> str:
    """A page as a test is named for it."""
    return str(page.relative_to(CHECKOUT).with_suffix(""))


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "page",
    [*PAGES, *EXAMPLES],
    ids=name_of,
)
async def test_a_reader_who_does_what_the_page_says_meets_no_surprise(
    page: Path, database: Database, cli: Cli, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, database.dsn, cli.environment)
    if page in EXAMPLES:
        shutil.copytree(page.parent, reader.home, dirs_exist_ok=True)
    try:
        for block in blocks_of(page):
            try:
                for statement in filter(None, [reader.do(block)]):
                    await database.execute(statement)
            except Exception as surprise:
                surprise.add_note(f"{page.relative_to(CHECKOUT)}:{block.line}")
                raise
    finally:
        reader.close()
