"""The whole engine against a model of it: random sequences of what people do.

Files come, are edited, renamed and lost; they are migrated, rolled back, accepted and
renumbered; runners are killed meanwhile. The model says what must be so afterwards, or
what must be refused with nothing changed.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
)

import asyncmigrate
from asyncmigrate._api import operations
from asyncmigrate._api.calls import settings_of
from asyncmigrate.errors import ConflictsFound, MigrationError, NotReversible
from asyncmigrate.results import MigrationReport, RepairAction
from tests.chaos.runners import Runners
from tests.kit.databases import Database, new_database
from tests.kit.files import Files
from tests.kit.locks import holders, lease, sessions
from tests.kit.polling import eventually
from tests.kit.servers import Server

T = TypeVar("T")
Rule: TypeAlias = Callable[..., None]
Call: TypeAlias = Callable[..., Awaitable[MigrationReport]]
STEP = 10
"""Between two versions, so that a late one finds room."""

picks = st.integers(0, 99)

KINDS = ("plain", "plain", "final", "python", "index")

PLAIN = """-- UP
-- edited {cosmetic} times in comments alone
INSERT INTO ledger VALUES ({born}, {variant});
"""
DOWN = """-- DOWN
DELETE FROM ledger WHERE born = {born};
"""
PYTHON = """# edited {cosmetic} times in comments alone
async def up(connection):
    await connection.execute("INSERT INTO ledger VALUES ({born}, {variant})")

async def down(connection):
    await connection.execute("DELETE FROM ledger WHERE born = {born}")
"""
INDEX = """-- UP
-- edited {cosmetic} times in comments alone
CREATE INDEX CONCURRENTLY i_{born} ON ledger (born, (variant + {variant}));
-- DOWN
DROP INDEX CONCURRENTLY i_{born};
"""

STANDING = """
SELECT version::int, state FROM asyncmigrate.schema_migrations
WHERE rolled_back_at IS NULL ORDER BY 1
"""
INDEXES = """
SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relname LIKE 'i\\_%'
"""


@dataclass(frozen=True)
class Text:
    """What a file holds."""

    born: int
    """The version that it was first given, by which its effect is known."""
    kind: str
    variant: int = 0
    cosmetic: int = 0

    def same(self, other: "Text") -> bool:
        """But for comments."""
        return replace(self, cosmetic=0) == replace(other, cosmetic=0)

    def written(self) -> tuple[str, str]:
        """The end of the file's name, and its text."""
        forms = {
            "plain": ("sql", PLAIN + DOWN),
            "final": ("sql", PLAIN),
            "python": ("py", PYTHON),
            "index": ("sql", INDEX),
        }
        suffix, form = forms[self.kind]
        values = {"born": self.born, "variant": self.variant, "cosmetic": self.cosmetic}
        return f"_{self.kind}.{suffix}", form.format(**values)


@dataclass(frozen=True)
class Row:
    """A migration that is applied."""

    known: Text
    """What the history takes it for."""
    done: Text
    """What was run."""


def step(**drawn: Any) -> Callable[[Rule], Any]:
    """A rule whose failure is kept: one that does not come again is lost on hypothesis."""
    made: Any = rule(**drawn)
    return lambda work: made(kept(work))


def kept(work: Rule) -> Rule:
    """The same method, and a note of its failure."""

    @wraps(work)
    def noted(self: "Engine", *given: Any, **values: Any) -> None:
        try:
            work(self, *given, **values)
        except Exception:
            self.bench.failures.append(traceback.format_exc())
            raise

    return noted


@dataclass
class Bench:
    """What all examples share: a loop, a server, a nursery."""

    loop: asyncio.AbstractEventLoop
    server: Server
    runners: Runners
    scratch: Path
    databases: int = 0
    runs: int = 0
    crashes: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)


class Engine(RuleBasedStateMachine):
    """One database and one directory, and what the model knows of both."""

    bench: ClassVar[Bench]

    def __init__(self) -> None:
        super().__init__()
        bench = self.bench
        bench.databases += 1
        files = Files(bench.scratch / f"model-{bench.databases}")
        self._made = new_database(bench.server, files)
        self.database: Database = bench.run(self._made.__aenter__())
        bench.run(self.database.execute("CREATE TABLE ledger (born int, variant int)"))
        self.files: dict[int, Text] = {}
        self.rows: dict[int, Row] = {}
        self.newest = 0
        self.half: int | None = None
        """The one that a crash left half done."""
        self.crashed = False

    def teardown(self) -> None:
        self.bench.run(self._made.__aexit__(None, None, None))

    # What is drawn depends on nothing that a crash may have left, since hypothesis must
    # be able to draw it again: a rule picks by number, and passes where nothing is.

    # ---- files

    @step(kind=st.sampled_from(KINDS))
    def add(self, kind: str) -> None:
        self.newest += STEP
        self._write(self.newest, Text(self.newest, kind))

    @step(pick=picks, kind=st.sampled_from(KINDS))
    def add_late(self, pick: int, kind: str) -> None:
        taken = {*self.files, *self.rows}
        taken |= {text.born for text in self.files.values()}
        taken |= {row.done.born for row in self.rows.values()}
        free = [at for at in range(5, self.newest, STEP) if at not in taken]
        for version in picked(free, pick):
            self._write(version, Text(version, kind))

    @step(pick=picks, cosmetic=st.booleans())
    def edit(self, pick: int, *, cosmetic: bool) -> None:
        self._recover()
        for version in picked(self.files, pick):
            text = self.files[version]
            if cosmetic:
                text = replace(text, cosmetic=text.cosmetic + 1)
            else:
                text = replace(text, variant=text.variant + 1)
            self._write(version, text)

    @step(pick=picks)
    def lose(self, pick: int) -> None:
        self._recover()
        for version in picked(self.files, pick):
            self._remove(version)

    @step()
    def put_back(self) -> None:
        """Everything as it was applied."""
        for version in [*self._edited(), *self._lost()]:
            self._write(version, self.rows[version].known)

    @step(pick=picks)
    def rename(self, pick: int) -> None:
        """Give an applied migration the newest number, and tell the history."""
        self._recover()
        for old in picked(self._untouched(), pick):
            self.newest += STEP
            new, text = self.newest, self.files[old]
            self._remove(old)
            self._write(new, text)
            with refused(ConflictsFound):
                self._run(asyncmigrate.migrate, allow_out_of_order=True)
            settings = settings_of(*self._where, {})
            renames = {name(old): name(new)}
            self.bench.run(
                operations.run_repair(settings, RepairAction.RENUMBER, renames=renames)
            )
            self.rows[new] = self.rows.pop(old)

    # ---- runs

    @step(loose=st.booleans(), pick=picks, everything=st.booleans())
    def migrate(self, pick: int, *, loose: bool, everything: bool) -> None:
        self._recover()
        conflicts = self._conflicts(loose=loose)
        if conflicts:
            with refused(ConflictsFound) as told:
                self._run(asyncmigrate.migrate, allow_out_of_order=loose)
            assert told.conflicts == conflicts
            return
        known = [] if everything else picked({*self.files, *self.rows}, pick)
        target = known[0] if known else None

        report = self._run(
            asyncmigrate.migrate,
            allow_out_of_order=loose,
            target=None if target is None else name(target),
        )

        pending = self._pending(target)
        assert [int(result.version) for result in report] == pending
        self._apply(pending)

    @step(steps=st.integers(1, 3))
    def roll_back(self, steps: int) -> None:
        self._recover()
        chosen = sorted(self.rows, reverse=True)[:steps]
        if not self.files or not all(map(self._has_down, chosen)):
            with refused(NotReversible if self.files else ConflictsFound):
                self._run(asyncmigrate.rollback, steps=steps)
            return

        report = self._run(asyncmigrate.rollback, steps=steps)

        assert [int(result.version) for result in report] == chosen
        for version in chosen:
            del self.rows[version]

    @step()
    def redo(self) -> None:
        """Whatever else is pending, late, edited or missing is left alone."""
        self._recover()
        newest = sorted(self.rows)[-1:]
        known = all(map(self._has_down, newest)) and not set(newest) - set(self.files)
        if not self.files or not known:
            with refused(NotReversible if self.files else ConflictsFound):
                self._run(asyncmigrate.redo)
            return

        report = self._run(asyncmigrate.redo)

        assert [int(result.version) for result in report] == newest * 2
        self._apply(newest)

    @step()
    def accept(self) -> None:
        self._recover()
        if not self.files:
            return
        self._run(asyncmigrate.repair, action=RepairAction.ACCEPT_CHECKSUMS)

        for version in self._edited():
            row = self.rows[version]
            self.rows[version] = replace(row, known=self.files[version])

    @step(moment=st.integers(0, 200))
    def crash(self, moment: int) -> None:
        """Kill a runner, so many milliseconds after it was started."""
        self._recover()
        self.put_back()
        self.add("plain")
        self.add("index")
        pending = self._pending(None)
        self.bench.run(self._kill_a_runner(moment / 1000))

        standing = dict(self.bench.run(self._standing()))
        half = [version for version, state in standing.items() if state != "applied"]
        came = [at for at in pending if standing.get(at) == "applied"]
        assert came == pending[: len(came)]
        assert half in ([], pending[len(came) : len(came) + 1])
        assert all(self.files[version].kind == "index" for version in half)
        self._apply(came)
        self.half = half[0] if half else None
        self.crashed = True

    def _recover(self) -> None:
        """Finish what a crash left half done, before anything else."""
        if self.half is None:
            return
        others = [version for version in self._pending(None) if version != self.half]
        pending = [self.half, *others]  # before even a late one

        report = self._run(asyncmigrate.migrate, allow_out_of_order=True)

        assert [int(result.version) for result in report] == pending
        self._apply(pending)
        self.half = None

    # ---- what must always be so

    @invariant()
    @kept
    def history_ledger_and_catalogue_are_as_the_model_says(self) -> None:
        self.bench.run(self._audit())

    async def _audit(self) -> None:
        rows = self.rows
        ledger = await self.database.fetch("SELECT * FROM ledger ORDER BY born")
        assert [tuple(row) for row in ledger] == sorted(
            (row.done.born, row.done.variant)
            for row in rows.values()
            if row.done.kind != "index"
        )
        if self.half is None:
            indexes = await self.database.fetch(INDEXES)
            assert {tuple(row) for row in indexes} == {
                (f"i_{row.done.born}", True)
                for row in rows.values()
                if row.done.kind == "index"
            }
            assert await self._standing() == [
                (version, "applied") for version in sorted(rows)
            ]
        assert await holders(self.database) == []
        if not self.crashed:
            assert not (await lease(self.database)).get("run_id")

    # ---- what the model knows

    def _edited(self) -> list[int]:
        return [
            version
            for version, text in self.files.items()
            if version in self.rows and not text.same(self.rows[version].known)
        ]

    def _lost(self) -> list[int]:
        return [version for version in self.rows if version not in self.files]

    def _untouched(self) -> list[int]:
        return sorted(
            version
            for version, row in self.rows.items()
            if self.files.get(version) == row.known
        )

    def _pending(self, target: int | None) -> list[int]:
        return sorted(
            version
            for version in self.files
            if version not in self.rows and (target is None or version <= target)
        )

    def _conflicts(self, *, loose: bool) -> set[tuple[str, int | None]]:
        if not self.files:
            return {("empty", None)}
        newest = max(self.files)
        found: set[tuple[str, int | None]] = {("edited", at) for at in self._edited()}
        found |= {("missing", at) for at in self._lost() if at < newest}
        if not loose and self.rows:
            late = [at for at in self._pending(None) if at < max(self.rows)]
            found |= {("late", at) for at in late}
        return found

    def _has_down(self, version: int) -> bool:
        row = self.rows[version]
        lost = version not in self.files
        return row.known.kind != "final" and not (lost and row.known.kind == "python")

    def _apply(self, versions: list[int]) -> None:
        for version in versions:
            text = self.files[version]
            self.rows[version] = Row(known=text, done=text)

    # ---- the database and the directory

    @property
    def _where(self) -> tuple[str, str]:
        return self.database.dsn, str(self.database.files)

    def _run(self, call: Call, **options: Any) -> MigrationReport:
        self.bench.runs += 1
        dsn, directory = self._where
        report = self.bench.run(call(dsn=dsn, directory=directory, **options))
        if report.results:
            self.crashed = False  # it had the lock, and gave everything back
        return report

    async def _standing(self) -> list[tuple[int, str]]:
        if not await lease(self.database):
            return []
        return [tuple(row) for row in await self.database.fetch(STANDING)]

    async def _kill_a_runner(self, moment: float) -> None:
        self.bench.runs += 1
        runner = await self.bench.runners.start(
            self.database.dsn, self.database.files.path, "--allow-out-of-order"
        )
        await runner.wait(moment)
        self.bench.crashes += runner.kill()
        await runner.wait(20)

        async def gone() -> bool:
            return not await sessions(self.database)

        await eventually(gone)

    def _write(self, version: int, text: Text) -> None:
        self._remove(version)
        end, content = text.written()
        self.files[version] = text
        self.database.files.add(name(version) + end, content)

    def _remove(self, version: int) -> None:
        text = self.files.pop(version, None)
        if text is not None:
            self.database.files.remove(name(version) + text.written()[0])


def picked(of: Iterable[int], pick: int) -> list[int]:
    """One of them, by number; none where there is none."""
    known = sorted(of)
    return [known[pick % len(known)]] if known else []


def name(version: int) -> str:
    """The version as files and history write it."""
    return f"{version:06}"


@dataclass
class Told:
    """What a refusal said."""

    conflicts: set[tuple[str, int | None]]


@contextmanager
def refused(kind: type[MigrationError]) -> Generator[Told]:
    """The block must raise it."""
    told = Told(set())
    try:
        yield told
    except kind as error:
        if isinstance(error, ConflictsFound):
            told.conflicts = {
                (each.kind, None if each.version is None else int(each.version))
                for each in error.conflicts
            }
    else:
        message = f"{kind.__name__} was not raised"
        raise AssertionError(message)
