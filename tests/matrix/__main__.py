"""The suite on every PostgreSQL and every Python: `make matrix`.

Each server version meets the Python of ``.venv``, each other Python the newest server.
``--edges`` is the shorter round for a machine that has run ``make test`` already: the
oldest server with the newest Python, and the oldest Python when that is not ``.venv``'s.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.matrix import pythons, servers

PYTEST = ("-q", "-n", "auto", "--maxprocesses", "8", "--dist", "worksteal")
WITHOUT_REVIEW = ("--inline-snapshot", "disable")


@dataclass(frozen=True, slots=True, order=True)
class Pairing:
    """One server version and one Python that meet."""

    server: int
    python: tuple[int, int]

    def __str__(self) -> str:
        return f"PostgreSQL {self.server}, Python {self.python[0]}.{self.python[1]}"


def edges(majors: list[int], interpreters: list[tuple[int, int]]) -> set[Pairing]:
    """The two corners that ``make test`` leaves out."""
    corners = {Pairing(majors[0], interpreters[-1])}
    if interpreters[0] != pythons.OWN:
        corners.add(Pairing(majors[-1], interpreters[0]))
    return corners


def everything(majors: list[int], interpreters: list[tuple[int, int]]) -> set[Pairing]:
    """A row and a column of the table, not all of it."""
    row = {Pairing(major, pythons.OWN) for major in majors}
    return row | {Pairing(majors[-1], python) for python in interpreters}


def run(pairings: list[Pairing], rest: list[str]) -> Iterator[tuple[Pairing, str]]:
    """Run them one after the other; the result of each, in a word."""
    found = pythons.available()
    for pairing in pairings:
        print(f"\n== {pairing} ==", flush=True)
        python = pythons.interpreter(pairing.python, found[pairing.python])
        began = time.monotonic()
        done = subprocess.run(
            [python, "-m", "pytest", *PYTEST, *WITHOUT_REVIEW, *rest],
            cwd=servers.CHECKOUT,
            env=servers.environment(pairing.server),
            check=False,
        )
        word = "failed" if done.returncode else "passed"
        yield pairing, f"{word} in {time.monotonic() - began:.0f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix")
    parser.add_argument("--edges", action="store_true")
    parser.add_argument("--postgres", type=int, nargs="+", metavar="MAJOR")
    parser.add_argument("--python", nargs="+", metavar="3.N")
    parser.add_argument("rest", nargs="*", metavar="-- PYTEST-ARGUMENT")
    given = parser.parse_args()

    majors, interpreters = list(servers.available()), list(pythons.available())
    if majors[0] != min(servers.RELEASES):
        print(
            f"nothing comes from npm: PostgreSQL {majors[0]} stands in for the oldest"
        )
    chosen = (edges if given.edges else everything)(majors, interpreters)
    if given.postgres or given.python:
        wanted = [tuple(map(int, text.split("."))) for text in given.python or ()]
        chosen = {
            Pairing(major, python)
            for major in given.postgres or majors[-1:]
            for python in (wanted or [pythons.OWN])
            if python in interpreters
        }

    results = list(run(sorted(chosen), given.rest))
    print("\n| PostgreSQL | Python | result |\n| --- | --- | --- |")
    for pairing, result in results:
        print(f"| {pairing.server} | {'.'.join(map(str, pairing.python))} | {result} |")
    return int(any("failed" in result for _, result in results))


if __name__ == "__main__":
    sys.exit(main())
