"""What holds for every text, sound or not."""

from hypothesis import example, given, settings

from asyncmigrate._sql.checksum import (
    normalise,
    python_token_checksum,
    raw_checksum,
    token_checksum,
)
from asyncmigrate._sql.kinds import classify
from asyncmigrate._sql.nesting import Nesting
from asyncmigrate._sql.position import line_column
from asyncmigrate._sql.script import read_script
from asyncmigrate._sql.sections import read_sections
from asyncmigrate._sql.statements import Statement, split
from asyncmigrate._sql.tokens import (
    IGNORED,
    Token,
    TokenKind,
    Unterminated,
    significant,
    tokens,
)
from tests.sql.strategies import RUBBISH, scripts

Spans = list[tuple[int, int, int]] | tuple[str, int]


def slowly(text: str) -> Spans:
    """Split token by token: start, end and stop of each statement."""
    found: list[tuple[int, int, int]] = []
    pending: list[Token] = []
    nesting = Nesting()
    try:
        for token in tokens(text):
            if token.kind is TokenKind.COPY_END:
                found[-1] = (*found[-1][:2], token.end)
                nesting = Nesting()
            elif nesting.copies_in and not pending:  # between semicolon and data
                continue
            if token.kind in {*IGNORED, TokenKind.COPY_END}:
                continue
            meta = token.kind is TokenKind.META_COMMAND
            ended = meta or nesting.feed(significant(text, token))
            if ended and pending:
                stop = token.start if meta else token.end
                found.append((pending[0].start, pending[-1].end, stop))
            if meta:
                line = text[token.start : token.end].rstrip(" \t\f\v")
                found.append((token.start, token.start + len(line), token.end))
            if ended:
                pending = []
                nesting = nesting if nesting.copies_in and not meta else Nesting()
            else:
                pending.append(token)
    except Unterminated as error:
        return error.what, error.offset
    if pending:
        found.append((pending[0].start, pending[-1].end, len(text)))
    return found


def quickly(text: str) -> Spans:
    try:
        return [(it.start, it.end, it.stop) for it in split(text)]
    except Unterminated as error:
        return error.what, error.offset


@settings(max_examples=300)
@given(RUBBISH)
@example("$$a$$$$;$$")
@example("$$a$$e'\\';'")
@example("1$$;$$ a1$$;$$ $1$$;$$ 1a$$;$$")
@example("1e'\\';'")
@example("1.e'\\';'")
@example("E'a'\n'\\';")
@example("E'\\")
@example("'a''b")
@example("$$$$$e'\\';'")
@example("'a' b1$$;$$")
@example("'a'b$$;$$;'c' 1$$;$$")
@example("'a', e'\\';', 'b'")
@example("'a' n'b' 1e'c\\';'")
@example("COPY t FROM stdin; '\n\\.\n")
def test_the_jumping_splitter_and_the_lexer_see_the_same_statements(text: str) -> None:
    assert quickly(text) == slowly(text)


@settings(max_examples=300)
@given(scripts())
def test_they_see_the_same_statements_in_sound_scripts(text: str) -> None:
    assert quickly(text) == slowly(text)


@given(RUBBISH)
def test_the_tokens_put_together_are_the_text(text: str) -> None:
    position = 0
    try:
        for token in tokens(text):
            assert token.start == position
            assert token.end > position or token.kind is TokenKind.COPY_DATA
            position = token.end
    except Unterminated:
        return

    assert position == len(text)


@given(RUBBISH)
def test_statements_and_the_gaps_between_them_are_the_text(text: str) -> None:
    try:
        statements = split(text)
    except Unterminated:
        return

    position = 0
    for statement in statements:
        assert position <= statement.start < statement.end <= statement.stop
        assert text[statement.start : statement.end] == statement.text
        assert_nothing_lost(text[position : statement.start], statement)
        position = statement.stop
    assert_nothing_lost(text[position:], None)


def assert_nothing_lost(gap: str, _: Statement | None) -> None:
    for token in tokens(gap):
        assert token.kind in IGNORED or gap[token.start : token.end] in {";", "\ufeff"}


@settings(max_examples=300)
@given(RUBBISH)
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    classify(text)
    token_checksum(text)
    python_token_checksum(text)
    raw_checksum(text)

    sections = read_sections(text)
    script = read_script(text)

    for section in (sections.up, sections.down):
        if section is not None:
            stop = section.offset + len(section.text)
            assert text[section.offset : stop] == section.text
    assert len(script.body) == len(text)
    assert len(script.kinds) == len(script.statements)
    for statement in script.statements:
        assert script.body[statement.start : statement.end] == statement.text


@given(RUBBISH)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)

    # A second byte-order mark is no mark but a character.
    assert once.startswith("\ufeff") or normalise(once) == once


@given(RUBBISH)
def test_lines_are_counted_as_an_editor_counts_them(text: str) -> None:
    lines = text.replace("\r\n", "\n\n").replace("\r", "\n").split("\n")
    assert line_column(text, 0) == (1, 1)

    line, column = line_column(text, len(text))

    assert line == len(lines) - text.count("\r\n")
    assert column == len(lines[-1]) + 1
