"""The main job, shown on a PostgreSQL that lives as long as the demonstration.

It calls what the commands call and shows it by the same readers: nothing is staged but
the edit. The server and the files are removed in every ending, on Ctrl-C too.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from asyncmigrate._cli.command import Call
from asyncmigrate._cli.pair import Both
from asyncmigrate._settings import Settings
from asyncmigrate.errors import ConflictsFound
from asyncmigrate.results import MigrationReport, Status

EDITED: Final = "20260105_001_catalogue.sql"
BEFORE: Final = "CHECK (price >= 0)"
AFTER: Final = "CHECK (price > 0)"

NEXT: Final = """\
  asyncmigrate new add_books   writes a file of your own into migrations/
  export DATABASE_URL=postgresql://user@host/database
  asyncmigrate migrate         the same, for real; --dry-run shows the SQL first
  asyncmigrate --help          all the rest

In an application:

  from asyncmigrate import migrate
  await migrate(dsn)"""


def run(call: Call) -> None:
    """Show everything; some seconds are enough for it.

    Raises:
        EmbeddedServerUnavailable: there are no binaries, or they do not start.
    """
    from asyncmigrate.embedded import embedded_postgres

    show = _Show(call)
    with tempfile.TemporaryDirectory(prefix="asyncmigrate-demo-") as place:
        directory = Path(place, "migrations")
        _copy(_sample(), directory)
        show.tell(
            "A bookshop's migrations on an embedded PostgreSQL:"
            " sections, a pair, Python,\nviews that are applied again when they change,"
            " an index built concurrently."
        )
        with embedded_postgres() as server:
            settings = Settings(
                dsn=f"{server.dsn()}?sslmode=disable", directory=(str(directory),)
            )
            show.tell(f"PostgreSQL {server.version} runs on port {server.port}.")
            _tour(show, settings, directory)
    show.head("That was it: the server is stopped, and everything removed.")
    show.tell("", "Where to go next:", "", NEXT)


def _tour(show: "_Show", settings: Settings, directory: Path) -> None:
    from asyncmigrate import _api

    call = show.call
    show.command("migrate", "two of them at once, as two replicas would start")
    both = Both()
    first, second = call.run(lambda emit: both.migrate(settings, emit))
    show.summary(max(first, second, key=len))
    show.tell("", "Meanwhile the other one:")
    for line in both.told:
        show.tell(f"  {line}")
    show.summary(min(first, second, key=len), indent="  ")

    show.command("status")
    show.status(call.run(lambda _: _api.read_status(settings)))

    show.command("rollback", "the newest one; the views step aside meanwhile")
    show.summary(call.run(lambda emit: _api.run_rollback(settings, emit=emit)))

    show.command("migrate", "what was rolled back can be applied again")
    show.summary(call.run(lambda emit: _api.run_migrate(settings, emit=emit)))

    show.command("migrate", f"after somebody has edited {EDITED}")
    _edit(directory / EDITED)
    try:
        call.run(lambda emit: _api.run_migrate(settings, emit=emit))
    except ConflictsFound as caught:
        show.error(caught)
    else:
        # Never passed over: this is the promise that is being shown.
        message = "the edited migration was not caught"
        raise AssertionError(message)


def _sample() -> Traversable:
    """Where the sample migrations are: in the package, or beside it in a checkout."""
    package = resources.files("asyncmigrate")
    packed = package / "_sample"
    if packed.is_dir():
        return packed
    return Path(str(package)).parent / "migrations"


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir()
    for entry in source.iterdir():
        if entry.is_dir() and not entry.name.startswith(("_", ".")):
            _copy(entry, target / entry.name)
        elif entry.name.endswith((".sql", ".py")):
            (target / entry.name).write_bytes(entry.read_bytes())


def _edit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(BEFORE, AFTER), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Show:
    """Puts things on the screen, as the commands themselves would."""

    call: Call

    @property
    def width(self) -> int:
        return self.call.output.terminal.width

    def tell(self, *lines: str) -> None:
        for line in lines:
            self.call.output.say(line)

    def head(self, text: str) -> None:
        self.tell("", self.call.output.paint_out(text, "bold"))

    def command(self, name: str, why: str = "") -> None:
        paint = self.call.output.paint_out
        line = paint(f"$ asyncmigrate {name}", "bold")
        if why:
            line += paint(f"   # {why}", "dim")
        self.tell("", line)

    def summary(self, report: MigrationReport, *, indent: str = "") -> None:
        from asyncmigrate._readers.summary import summary

        paint = self.call.output.paint_out
        room = self.width - len(indent)
        self._lines(summary(report, paint=paint, width=room).splitlines(), indent)

    def status(self, status: Status) -> None:
        from asyncmigrate._readers.tables import TableView

        output = self.call.output
        view = TableView(
            paint=output.paint_out, width=self.width, marks=output.marks_out
        )
        self.tell(view.status(status))

    def error(self, error: ConflictsFound) -> None:
        from asyncmigrate._readers.errors import ErrorView

        view = ErrorView(paint=self.call.output.paint_out, width=self.width)
        self.tell(view.render(error))
        self.tell("", f"(The command ends with exit status {error.exit_status}.)")

    def _lines(self, lines: Sequence[str], indent: str) -> None:
        self.tell(*(indent + line for line in lines))
