"""Row 10: ``--version`` and ``--help``."""

from functools import partial

from benchmarks.bench import Bench
from benchmarks.measuring import Contender, measure
from benchmarks.processes import Command, run
from benchmarks.results import Aim, Row, series_of

PYTHON = "python -c pass"
VERSION = "asyncmigrate --version"
HELP = "asyncmigrate --help"
TYPER = "a bare typer program --help"


def measure_version(bench: Bench) -> list[Row]:
    nothing = bench.python("-c", "pass")
    version = Command((bench.command, "--version"))
    own_help = Command((bench.command, "--help"))
    bare = bench.program("bare_typer", "--help")
    measured = measure(
        [
            Contender(PYTHON, partial(run, nothing), is_ours=True),
            Contender(VERSION, partial(run, version), is_ours=True),
            Contender(HELP, partial(run, own_help), is_ours=True),
            Contender(TYPER, partial(run, bare), is_ours=True),
        ],
        bench.rounds(share=0.5),
    )
    series = series_of(
        measured,
        "seconds",
        key="version",
        title="whole processes",
        reference=PYTHON,
        aims=[
            Aim(
                text="--version within 1.5 x of python -c pass",
                of=VERSION,
                than=(PYTHON,),
                at_most=1.5,
            ),
            Aim(
                text="--help at or below a bare typer program",
                of=HELP,
                than=(TYPER,),
                at_most=1.0,
            ),
        ],
    )
    return [Row(number=10, title="--version and --help", series=[series])]
