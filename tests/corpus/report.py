"""What became of a directory of migrations on both sides."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.corpus.dumps import Dump
from tests.corpus.sides import Corpus, Failure


@dataclass
class Phase:
    """One of: apply, undo, apply again."""

    name: str
    seconds: float
    """What asyncmigrate took."""
    ours: list[Failure]
    theirs: list[Failure]
    dumps: tuple[Dump, Dump]
    """Of our database and of psql's."""

    @property
    def difference(self) -> str:
        """How the two schemas differ; empty when they do not."""
        ours, theirs = self.dumps
        return ours.difference(theirs)

    @property
    def alone(self) -> list[str]:
        """The failures that one side has without the other, or in another way."""
        ours = {each.version: each for each in self.ours}
        theirs = {each.version: each for each in self.theirs}
        sides = (("asyncmigrate", ours, theirs), ("psql", theirs, ours))
        return [
            f"by {name} alone: {failure}"
            for name, failed, others in sides
            for version, failure in failed.items()
            if not failure.is_like(others.get(version))
        ]

    def lines(self) -> Iterator[str]:
        """Say it."""
        schemas = "DIFFERENT" if self.difference else "equal"
        yield (
            f"{self.name}: {self.seconds:.1f} s; {len(self.ours)} failures, by psql"
            f" {len(self.theirs)}; schemas {schemas}"
        )
        yield from (f"  sha256 {dump.sha256}" for dump in self.dumps)
        yield from (f"  failed: {each}" for each in self.ours)
        yield from (f"  {each}" for each in self.alone)
        if self.difference:
            yield self.difference


@dataclass
class Report:
    """Everything about one run."""

    corpus: Corpus
    version: int
    """Of the server, as 18."""
    restricts: bool
    """Whether this psql knows ``\\restrict``."""
    phases: list[Phase] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """The schemas are the same after every phase, and so are the failures."""
        return not any(each.difference or each.alone for each in self.phases)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        corpus = self.corpus
        yield (
            f"{corpus.layout}: {len(corpus.ups):,} migrations,"
            f" {len(corpus.downs):,} with a DOWN; {corpus.statements:,} statements,"
            f" {corpus.size:,} bytes; PostgreSQL {self.version}"
        )
        if not self.restricts:
            yield "this psql does not know \\restrict"
        yield from (f"  warning: {each}" for each in dict.fromkeys(corpus.warnings))
        yield from (f"  refused: {each}" for each in corpus.refused)
        for phase in self.phases:
            yield from phase.lines()
