"""What a page shows in fences, and the invisible remarks that go with it.

A remark is an HTML comment directly above a fence, or one that stands for itself:

| remark | means |
| --- | --- |
| ``file: PATH`` | the block is that file's content; one ``*`` is for a version that was just made |
| ``exits: N`` | the last command of the block ends with that status |
| ``serves: /PATH`` | the command goes on running, and soon answers there |
| ``prints``, ``says`` | the block is what the commands before it wrote to standard output, or to standard error |
| ``not run: REASON`` | the block is shown only |
| ``do: COMMANDS`` | commands that the reader is not shown |
| ``sql: STATEMENTS`` | what is in the reader's database already |
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

REMARKS: Final = ("file", "exits", "serves", "prints", "says", "not run", "do", "sql")
UNSEEN: Final = ("do", "sql")
_PART: Final = re.compile(
    r"^<!--(?P<remark>.*?)-->$"
    r"|^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w{}-]*)[^\n]*\n(?P<text>.*?)^(?P=indent)(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fence, or a remark that stands for itself (then that is its language)."""

    language: str
    text: str
    line: int
    remarks: dict[str, str] = field(default_factory=dict)


def blocks_of(page: Path) -> Iterator[Block]:
    """Every block of a page, in order."""
    text = page.read_text(encoding="utf-8")
    remarks: dict[str, str] = {}
    end = 0
    for part in _PART.finditer(text):
        if text[end : part.start()].strip():
            _require_none(remarks, page)
        end = part.end()
        line = text.count("\n", 0, part.start()) + 1
        if part["remark"] is None:
            yield Block(part["language"], part["text"], line, remarks)
            remarks = {}
            continue
        name, _, value = part["remark"].strip().partition(":")
        if name in UNSEEN:
            yield Block(name, value.strip() + "\n", line)
        elif name in REMARKS:
            remarks[name] = value.strip()
    _require_none(remarks, page)


def _require_none(remarks: dict[str, str], page: Path) -> None:
    if remarks:
        message = f"{page.name}: no fence follows on {remarks}"
        raise ValueError(message)
