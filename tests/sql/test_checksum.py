"""Checksums tell an edit that matters from one that does not."""

import tokenize
from collections.abc import Iterator
from tokenize import TokenInfo

import pytest

from asyncmigrate._sql.checksum import (
    normalise,
    python_token_checksum,
    raw_checksum,
    token_checksum,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("\ufeffa\r\nb\rc\n", "a\nb\nc"),
        ("\n \n  a  \n\n b \n \n", "  a  \n\n b "),
        ("a", "a"),
        ("a\ufeff", "a\ufeff"),
    ],
)
def test_normal_text_has_plain_line_ends_and_no_blank_lines_at_its_ends(
    text: str, normal: str
) -> None:
    assert normalise(text) == normal


def test_checksums_are_stable_over_releases() -> None:
    assert raw_checksum("\ufeffSELECT 1;\r\n") == (
        "sha256:17db4fd369edb9244b9f91d9aeed145c3d04ad8ba6e95d06247f07a63527d11a"
    )
    assert token_checksum("SELECT 1;") == (
        "tokens1:86a3a6a293af7e613a0cc2a28c7ed73ea7e2b25a7d9822b0415f899314103505"
    )
    assert python_token_checksum("x = 1\n") == (
        "tokens1:10b38b2006a9457672d71ed27f705201292e0f747be64b701bfd1a1810d4c56c"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 1;", "select\n\t1 ; -- note\n"),
        ("SELECT a FROM T", "select A /* b */ from t"),
        ("SELECT a<>-1", "SELECT a <> - 1"),
        ("COPY t FROM stdin;\n1\n\\.", "copy T from stdin; -- x\r\n1\r\n\\.\r\n"),
        ("\\restrict a", "\\restrict a  \n"),
    ],
)
def test_a_cosmetic_edit_leaves_the_tokens_alone(one: str, other: str) -> None:
    assert raw_checksum(one) != raw_checksum(other)
    assert token_checksum(one) == token_checksum(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a'", "SELECT 'A'"),
        ("SELECT 'a  b'", "SELECT 'a b'"),
        ('SELECT "a"', 'SELECT "A"'),
        ('SELECT "a"', "SELECT a"),
        ("SELECT É", "SELECT é"),
        ("SELECT $$ -- a\n$$", "SELECT $$ -- b\n$$"),
        ("SELECT a b", "SELECT ab"),
        ("SELECT 1, 23", "SELECT 12, 3"),
        ("SELECT a - -1", "SELECT a --1"),
        ("COPY t FROM stdin;\n1 \n\\.", "COPY t FROM stdin;\n1\n\\."),
        ("SELECT 'a", "SELECT  'a"),
        ("SELECT 1", "SELECT 1 1"),
    ],
)
def test_a_real_edit_changes_the_tokens(one: str, other: str) -> None:
    assert token_checksum(one) != token_checksum(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def up():\n  return 1 # a\n", "# b\n\ndef up():\n\n    return 1"),
        ("x = f'{a} b'", "x  =  f'{a} b'  # c"),
    ],
)
def test_a_cosmetic_edit_of_python_leaves_the_tokens_alone(
    one: str, other: str
) -> None:
    assert python_token_checksum(one) == python_token_checksum(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a'", "x = 'b'"),
        ("x = f'{a}  b'", "x = f'{a} b'"),
        ("if a:\n  b\n  c", "if a:\n  b\nc"),
        ("x = (", "x  = ("),
        ("  x\n y", "  x\n  y"),
        ("X = 1", "x = 1"),
    ],
)
def test_a_real_edit_of_python_changes_the_tokens(one: str, other: str) -> None:
    assert python_token_checksum(one) != python_token_checksum(other)


TEXT = ["x = f'''{a}\n", "  {f'{b}'}\n", "'''; y = f'c'\n"]


def newer_tokens(_: object) -> Iterator[TokenInfo]:
    """Cut `TEXT` as Python does since 3.12: an f-string is several tokens, nested."""
    start, middle, end, name, op = 901, 902, 903, tokenize.NAME, tokenize.OP
    for kind, string, begins, ends in (
        (name, "x", (1, 0), (1, 1)),
        (op, "=", (1, 2), (1, 3)),
        (start, "f'''", (1, 4), (1, 8)),
        (op, "{", (1, 8), (1, 9)),
        (name, "a", (1, 9), (1, 10)),
        (op, "}", (1, 10), (1, 11)),
        (middle, "\n  ", (1, 11), (2, 2)),
        (op, "{", (2, 2), (2, 3)),
        (start, "f'", (2, 3), (2, 5)),
        (name, "b", (2, 6), (2, 7)),
        (end, "'", (2, 8), (2, 9)),
        (op, "}", (2, 9), (2, 10)),
        (end, "'''", (3, 0), (3, 3)),
        (op, ";", (3, 3), (3, 4)),
        (name, "y", (3, 5), (3, 6)),
        (op, "=", (3, 7), (3, 8)),
        (start, "f'", (3, 9), (3, 11)),
        (middle, "c", (3, 11), (3, 12)),
        (end, "'", (3, 12), (3, 13)),
        (tokenize.NEWLINE, "\n", (3, 13), (3, 14)),
        (tokenize.ENDMARKER, "", (4, 0), (4, 0)),
    ):
        yield TokenInfo(kind, string, begins, ends, "")


def test_python_tokens_are_the_same_for_every_version_of_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = python_token_checksum("".join(TEXT))

    names = {901: "FSTRING_START", 902: "FSTRING_MIDDLE", 903: "FSTRING_END"}
    monkeypatch.setattr(tokenize, "tok_name", tokenize.tok_name | names)
    monkeypatch.setattr(tokenize, "generate_tokens", newer_tokens)

    assert python_token_checksum("".join(TEXT)) == here
