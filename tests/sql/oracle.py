"""Compares the splitter with PostgreSQL's own parser.

``python -m tests.sql.oracle DIRECTORY`` reads every ``*.sql`` file below DIRECTORY,
for instance PostgreSQL's regression scripts. A file that the parser reads whole must
give the same statements. Of any other file (psql commands, COPY data, deliberate
errors) no statement may parse as two, and none that does not parse may do so together
with those that follow it.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from pglast import parser

from asyncmigrate._sql.statements import Statement, Unterminated, split

EXCEPTIONS = {
    "generated.sql": "a COPY … FROM stdin that the server refuses has no data lines",
    "rowsecurity.sql": "a COPY … FROM stdin that the server refuses has no data lines",
}
JOINED_AT_MOST = 5


@dataclass
class Findings:
    """What a comparison found."""

    files: int = 0
    whole: int = 0
    """Files that the parser reads whole."""
    statements: int = 0
    """In those files, as the parser counts them."""
    pieces: int = 0
    """Statements compared one by one, in the other files."""
    open: int = 0
    """Files in which both find something that is never closed."""
    excepted: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def parsed(text: str) -> list[str] | None:
    """Return the parser's statements, or None where it refuses the text."""
    try:
        return list(parser.split(text, with_parser=True))
    except parser.ParseError:
        return None


def is_open(text: str) -> bool:
    """Whether the parser, too, finds that what begins the text is never closed."""
    try:
        parser.split(text, with_parser=True)
    except parser.ParseError as error:
        return "unterminated" in str(error)
    return False


def as_parsed(text: str, statement: Statement) -> str:
    """Return the statement with the comments before its semicolon, as the parser does."""
    return text[statement.start : statement.stop].removesuffix(";").rstrip()


def compare(name: str, text: str, findings: Findings) -> None:
    """Add what is found in one text."""
    findings.files += 1
    expected = parsed(text)
    try:
        statements = split(text)
    except Unterminated as error:
        if is_open(text[error.offset :]):
            findings.open += 1
        elif name in EXCEPTIONS:
            findings.excepted.append(f"{name}: {EXCEPTIONS[name]}")
        else:
            findings.differences.append(f"{name}: {error} at {error.offset}")
        return
    if expected is not None:
        findings.whole += 1
        findings.statements += len(expected)
        if [as_parsed(text, it) for it in statements] != expected:
            findings.differences.append(f"{name}: other statements")
        return
    for number, statement in enumerate(statements):
        if statement.meta_command:
            continue
        findings.pieces += 1
        count = len(parsed(statement.text) or ())
        following = statements[number + 1 : number + 1 + JOINED_AT_MOST]
        if count > 1:
            findings.differences.append(f"{name}: two in {statement.text!r}")
        elif not count and any(
            len(parsed(text[statement.start : it.end]) or ()) == 1 for it in following
        ):
            findings.differences.append(f"{name}: cut short {statement.text!r}")


def compare_directory(directory: Path) -> Findings:
    """Compare every script below *directory*."""
    findings = Findings()
    for path in sorted(filter(Path.is_file, directory.rglob("*.sql"))):
        compare(path.name, path.read_text("utf-8", errors="replace"), findings)
    return findings


def main() -> int:
    findings = compare_directory(Path(sys.argv[1]))
    for line in (*findings.excepted, *findings.differences):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"{findings.files:,} files;"
        f" {findings.whole:,} parse whole, with {findings.statements:,} statements;"
        f" {findings.pieces:,} more compared one by one;"
        f" {findings.open:,} never closed for both;"
        f" {len(findings.excepted)} exceptions, {len(findings.differences)} differences\n"
    )
    return 1 if findings.differences or not findings.files else 0


if __name__ == "__main__":
    sys.exit(main())
