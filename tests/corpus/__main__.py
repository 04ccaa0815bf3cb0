"""A directory of migrations, applied by asyncmigrate and by psql: are they the same?

``python -m tests.corpus DIRECTORY --format F`` gives each of the two an embedded server
of its own, applies every migration, undoes those that have a DOWN, applies them again,
and compares the schemas after each. A migration that fails is passed over on both.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from asyncmigrate._migration import Unreadable
from tests.corpus.compare import compare
from tests.corpus.sides import Corpus


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("directory", nargs="+", type=Path)
    parser.add_argument("--format", help="the layout; without it, it is recognised")
    parser.add_argument("--skip", action="append", default=[], metavar="PATTERN")
    parser.add_argument("--placeholder", action="append", default=[], metavar="N=V")
    parser.add_argument(
        "--before",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="SQL of our own that a superuser runs first: roles, tables of the tool",
    )
    parser.add_argument(
        "--superuser",
        action="store_true",
        help="apply as a superuser; for files that we wrote",
    )
    given = parser.parse_args()
    # Not under a private temporary folder: psql runs as somebody else.
    with tempfile.TemporaryDirectory(prefix="asyncmigrate-corpus-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        copies = [
            Path(shutil.copytree(each, place / str(number) / each.resolve().name))
            for number, each in enumerate(given.directory)
        ]
        return _compare(given, copies, place)


def _compare(given: argparse.Namespace, copies: list[Path], place: Path) -> int:
    corpus = Corpus(
        directories=copies,
        layout=given.format,
        placeholders=dict(each.split("=", 1) for each in given.placeholder),
        skip=given.skip,
    )
    try:
        corpus.read()
    except Unreadable as error:
        for problem in error.problems:
            sys.stdout.write(f"{problem}\n    {problem.hint}\n")
        return 2
    report = compare(corpus, given.before, place, superuser=given.superuser)
    sys.stdout.write(f"{report}\n")
    return 0 if report.is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
