"""Checksums tell an edit that matters from one that does not."""

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
