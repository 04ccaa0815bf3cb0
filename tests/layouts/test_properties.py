"""Whatever a directory holds, it is read or refused with a place; nothing else."""

import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from asyncmigrate._layouts import read_directory
from asyncmigrate._layouts.directives import read_stored_down, stored_down
from asyncmigrate._migration import Unreadable
from tests.layouts.spoiling import read_or_refuse, spoiled_directories

PIECES = (
    b"-- UP\n",
    b"-- down\r\n",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\x00",
    b"\xff",
    b"'",
    b"$$",
    b"$a$",
    b"/*",
    b"*/",
    b";",
    b"SELECT 1;\n",
    b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;",
    b"COPY t FROM stdin;\n1\n\\.\n",
    b"-- asyncmigrate: transaction=off\n",
    b"-- asyncmigrate: irreversible\n",
    b"-- asyncmigrate: lock-timeout=1s role=a\n",
    b"-- asyncmigrate:",
    b"\\connect x\n",
    "é世".encode(),
    b"async def up(c): pass\n",
    b"transaction = False\n",
    b"def down():",
    b"(" * 300,
)
contents = st.binary(max_size=200) | st.lists(st.sampled_from(PIECES)).map(b"".join)
names = st.sampled_from(
    [
        "1.sql",
        "2.py",
        "3.up.sql",
        "3.down.sql",
        "repeatable/v.sql",
        "x/01_a.sql",
        "y.sql",
    ]
)


@given(st.dictionaries(names, contents, max_size=5))
def test_any_files_are_read_or_refused_with_the_file_that_is_wrong(
    directory: dict[str, bytes],
) -> None:
    with tempfile.TemporaryDirectory() as path:
        for name, content in directory.items():
            file = Path(path, name)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        source = read_directory([path])

        for migration in source.files:
            with suppress(Unreadable):
                definition = migration.define()
                stored = stored_down(definition)
                if stored is not None and definition.down is not None:
                    again = read_stored_down(stored, definition.down.file)
                    assert again.text == definition.down.text
                    assert again.options == definition.down.options


@given(contents, contents)
def test_a_text_is_the_lines_of_its_file_from_the_line_that_it_names(
    before: bytes, after: bytes
) -> None:
    with tempfile.TemporaryDirectory() as path:
        content = before + b"\n-- UP\n" + after
        Path(path, "1.sql").write_bytes(content)
        (migration,) = read_directory([path]).files
        with suppress(Unreadable):
            definition = migration.define()

            lines = content.decode().removeprefix("\ufeff")
            lines = lines.replace("\r\n", "\n").replace("\r", "\n")
            for part in filter(None, (definition.up, definition.down)):
                # A mark in front of a section goes as one in front of a file does.
                rest = lines.split("\n", part.line - 1)[-1].removeprefix("\ufeff")
                assert rest.startswith(part.text)


@given(spoiled=spoiled_directories(), named=st.booleans())
def test_files_cut_short_or_spliced_are_read_or_refused_in_every_layout(
    spoiled: tuple[str, dict[str, bytes]], *, named: bool
) -> None:
    layout, files = spoiled

    read_or_refuse(layout if named else None, files)
