"""The lexer cuts as PostgreSQL's does."""

import re
import sys

import pytest
from pglast import parser

from asyncmigrate._sql.tokens import (
    IDENT,
    IDENT_START,
    IGNORED,
    TokenKind,
    Unterminated,
    tokens,
)


def meaningful(text: str) -> list[str]:
    return [text[it.start : it.end] for it in tokens(text) if it.kind not in IGNORED]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a<>-1, a=-1, a@-1, a-- c\n+b",
        "a*/*c*/b, a+/* c */-b, a||-b, a<=b, a->>'x', a=>1",
        "x::int, a[1:2], t.*, 1..2",
        "'it''s' E'\\'' \"a\"\"b\" $$a$$ $t$ $$ $t$ $1",
        "été $é$x$é$ a$b$ x1$",
        "1 1.5 .5 1. 1e5 1.5e-3 0x1F 1_000",
        "'a'\n'b' 'c' -- d\n 'e'",
        "/* a /* b */ */ 1 /**/ 2",
    ],
)
def test_tokens_are_those_of_the_server(text: str) -> None:
    comments = {"SQL_COMMENT", "C_COMMENT"}
    expected = [
        text[it.start : it.end + 1]
        for it in parser.scan(text)
        if it.name not in comments
    ]

    assert meaningful(text) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a", TokenKind.WORD),
        ("_a1$", TokenKind.WORD),
        ("\xa0", TokenKind.WORD),
        ('"a;"', TokenKind.IDENTIFIER),
        ('u&"a"', TokenKind.IDENTIFIER),
        ("'a'", TokenKind.STRING),
        ("e'\\''", TokenKind.STRING),
        ("U&'\\'", TokenKind.STRING),
        ("b'1'", TokenKind.STRING),
        ("n'a'", TokenKind.STRING),
        ("E'a' -- b\n '\\''", TokenKind.STRING),
        ("$$a$$", TokenKind.DOLLAR_STRING),
        ("$1", TokenKind.PARAMETER),
        ("12abc$", TokenKind.NUMBER),
        ("0b1_1", TokenKind.NUMBER),
        (".5", TokenKind.NUMBER),
        ("<=", TokenKind.OPERATOR),
        ("::", TokenKind.PUNCTUATION),
        ("\\d x", TokenKind.META_COMMAND),
        ("$", TokenKind.OTHER),
        ("\0", TokenKind.OTHER),
        (" \t\v", TokenKind.SPACE),
        ("\ufeff", TokenKind.SPACE),
        ("-- a", TokenKind.LINE_COMMENT),
        ("/* ' */", TokenKind.BLOCK_COMMENT),
    ],
)
def test_each_kind_is_one_token(text: str, kind: TokenKind) -> None:
    assert [(it.kind, it.start, it.end) for it in tokens(text)] == [
        (kind, 0, len(text))
    ]


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("SELECT 'a", "string", 7),
        ("SELECT 'a''b", "string", 7),
        ("SELECT E'a\\'", "string", 7),
        ("SELECT E'a'\n'\\'", "string", 7),
        ("SELECT U&'a", "string", 7),
        ('SELECT "a', "quoted identifier", 7),
        ('SELECT "a""', "quoted identifier", 7),
        ("SELECT $a$ $b$", "dollar quote", 7),
        ("a /* b /* c */", "comment", 2),
        ("a; COPY t FROM stdin;\n1\n", "COPY data", 3),
        ("COPY t FROM stdin;", "COPY data", 0),
    ],
)
def test_what_is_never_closed_is_told_with_its_place(
    text: str, what: str, offset: int
) -> None:
    with pytest.raises(Unterminated, match=what) as raised:
        list(tokens(text))

    assert (raised.value.what, raised.value.offset) == (what, offset)


def test_copy_data_are_one_token_and_their_end_another() -> None:
    text = "COPY t FROM stdin; -- 'x\r\n';\"\\.\n\\.x\n\\.\r\nSELECT 1"

    found = [(it.kind, text[it.start : it.end]) for it in tokens(text)]

    assert (TokenKind.COPY_DATA, "';\"\\.\n\\.x\n") in found
    assert (TokenKind.COPY_END, "\\.\r\n") in found
    assert found[-1] == (TokenKind.NUMBER, "1")


def test_operators_that_touch_are_cut_once_each() -> None:
    assert meaningful("+-+-") == ["+", "-", "+", "-"]
    assert meaningful("<+-") == ["<", "+", "-"]
    assert meaningful("@+-") == ["@+-"]


def test_an_identifier_may_hold_every_character_above_ascii() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))

    start = re.sub(f"[{IDENT_START}]", "", every)
    inside = re.sub(f"[{IDENT}]", "", every)

    assert len(every) - len(start) == 26 + 26 + 1 + sys.maxunicode - 127
    assert not {*start} & {*"azAZ_é\x80"}
    assert {*start} - {*inside} == {*"0123456789$"}
