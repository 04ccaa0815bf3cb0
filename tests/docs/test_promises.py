"""What the pages promise beside what they run: links, targets, length, honesty."""

import re
from pathlib import Path

import pytest

from asyncmigrate._cli.app import COMMANDS
from tests.docs.blocks import blocks_of
from tests.docs.test_pages import CHECKOUT, EXAMPLES, PAGES, name_of

READING_SPEED = 250
"""Words a minute, code among them."""
SHOWN_ONLY_AT_MOST = 10


@pytest.mark.parametrize("page", [*PAGES, *EXAMPLES], ids=name_of)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    here = [link for link in linked if "://" not in link]

    assert [link for link in here if not (page.parent / link).exists()] == []


def test_the_targets_that_the_readme_names_are_there() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")

    targets = re.findall(r"^make (\w+)", readme, re.MULTILINE)

    assert targets == ["demo", "test"]
    assert [name for name in targets if f"\n{name}:" not in makefile] == []


def test_every_command_tells_of_itself_on_the_page_of_commands() -> None:
    page = (CHECKOUT / "docs" / "commands.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\w+)\n\n```{help} \1\n```$", page, re.MULTILINE) == [
        *COMMANDS
    ]


def test_the_readme_is_read_in_two_minutes() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    seen = re.sub(r"<!--.*?-->", "", readme, flags=re.DOTALL)

    assert len(seen.split()) <= 2 * READING_SPEED


def test_blocks_that_are_shown_only_are_few_and_say_why() -> None:
    reasons = [
        block.remarks["not run"]
        for page in (*PAGES, *EXAMPLES)
        for block in blocks_of(page)
        if "not run" in block.remarks
    ]

    assert len(reasons) <= SHOWN_ONLY_AT_MOST
    assert [reason for reason in reasons if len(reason.split()) < 3] == []
