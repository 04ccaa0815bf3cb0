"""The splitter and PostgreSQL's own parser agree."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from asyncmigrate._sql.statements import split
from tests.sql import oracle
from tests.sql.strategies import scripts

SCRIPTS = Path(__file__).parent / "scripts"


@settings(max_examples=300)
@given(scripts())
def test_a_script_that_parses_is_split_as_the_parser_splits_it(text: str) -> None:
    expected = oracle.parsed(text)

    found = [oracle.as_parsed(text, it) for it in split(text)]

    assert found == expected


def test_the_scripts_kept_here_are_split_as_the_parser_splits_them() -> None:
    findings = oracle.compare_directory(SCRIPTS)

    assert findings.differences == []
    assert (findings.files, findings.whole) == (3, 2)
    assert findings.statements > 10
    assert findings.pieces > 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 'x", None),
        ("SELECT 1; \\x\nSELECT 2; SELECT FROM FROM", None),
        ("COPY t FROM stdin;", "unterminated COPY data"),
    ],
)
def test_the_comparison_tells_a_difference(text: str, said: str | None) -> None:
    findings = oracle.Findings()

    oracle.compare("a.sql", text, findings)

    assert [it.split(": ")[1].split(" at ")[0] for it in findings.differences] == (
        [said] if said else []
    )


def test_the_command_fails_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["oracle", str(tmp_path)])

    assert oracle.main() == 1
    assert capsys.readouterr().out.startswith("0 files")
