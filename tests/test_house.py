"""The rules of the house that no linter knows."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import asyncmigrate
from asyncmigrate.errors import MigrationError

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "asyncmigrate"
MODULES = sorted(PACKAGE.rglob("*.py"))
DOORS = sorted(
    path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_")
)
INVARIANTS = PACKAGE / "_engine" / "README.md"

LONGEST = 400

# A verb at the start of a line and a word behind it is a statement, not a keyword.
STATEMENT = re.compile(
    r"^\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|GRANT|REVOKE|"
    r"TRUNCATE|COPY|LOCK TABLE|SET|RESET|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|DISCARD)"
    r"(?:\s+[\w{\"'*(]|;)"
    r"|\A(?:BEGIN|COMMIT|ROLLBACK)\Z",
    re.MULTILINE,
)
# The fast look asks its one question without the driver, and so in a room of its own.
SPEAKS_SQL = ("_database", "_layouts", "_fast")
# It recognises statements by their words, and sends none.
KNOWS_WORDS = "_sql"

OURS = re.compile(r"ASYNCMIGRATE_[A-Z_]*|DATABASE_URL")
LIBPQ = re.compile(r"PG[A-Z]{4,}")
TERMINAL = re.compile(r"[A-Z]+_COLOR|COLUMNS|TERM")
# Our own are settings; libpq's complete an address; a terminal's are conventions.
REGISTRIES = {
    "_settings.py": OURS,
    "_database/address.py": LIBPQ,
    "_cli/terminal.py": TERMINAL,
}


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module with their lines, without the docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in prose
        ):
            yield node.lineno, node.value


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def test_importing_the_package_loads_no_driver_no_event_loop_and_no_terminal() -> None:
    unwanted = ("asyncpg", "asyncio", "anyio", "typer", "rich", "pydantic")
    script = (
        "import asyncmigrate, sys;"
        f"print(*[name for name in {unwanted!r} if name in sys.modules])"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.split() == []


def test_every_name_that_the_package_offers_is_there_and_documented() -> None:
    for name in vars(asyncmigrate)["__all__"]:
        offered = getattr(asyncmigrate, name)
        assert name.startswith("__") or inspect.getdoc(offered), name


@pytest.mark.parametrize("door", DOORS)
def test_a_door_offers_what_it_defines_in_public(door: str) -> None:
    module = importlib.import_module(f"asyncmigrate.{door}")
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }

    offered = set(getattr(module, "__all__", defined))

    assert defined <= offered
    assert [name for name in offered if not hasattr(module, name)] == []
    assert [name for name in defined if not vars(module)[name].__doc__] == []


def test_the_tree_drawn_in_errors_is_the_tree_of_its_classes() -> None:
    drawing = inspect.getdoc(sys.modules[MigrationError.__module__]) or ""

    def branches(error: type[MigrationError], depth: int = 1) -> Iterator[str]:
        yield f"{'  ' * depth}  {error.__name__} {error.exit_status}"
        for child in error.__subclasses__():
            if child.__module__ == MigrationError.__module__:
                yield from branches(child, depth + 1)

    drawn = [
        re.sub(r"(\w) +(\d)$", r"\1 \2", line)
        for line in drawing.splitlines()
        if re.fullmatch(r" {4,}\w+ +\d", line)
    ]
    assert drawn == list(branches(MigrationError))


def test_every_error_has_a_code_of_its_own() -> None:
    def all_of(error: type[MigrationError]) -> Iterator[type[MigrationError]]:
        yield error
        for child in error.__subclasses__():
            if child.__module__ == MigrationError.__module__:
                yield from all_of(child)

    codes = [error.code for error in all_of(MigrationError)]

    assert sorted(codes) == sorted(set(codes))


def test_every_invariant_is_cited_by_a_test_and_every_one_cited_exists() -> None:
    text = INVARIANTS.read_text(encoding="utf-8")
    stated = re.findall(r"^(I\d+) ", text, re.MULTILINE)
    cited = {
        number
        for path in ROOT.joinpath("tests").rglob("test_*.py")
        for number in citations(path)
    }

    assert stated == [f"I{number}" for number in range(1, len(stated) + 1)]
    assert cited == set(stated)


def citations(path: Path) -> Iterator[str]:
    """What a test module cites by ``invariant(…)``, as decorator or as pytestmark."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "invariant"
        ):
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield str(argument.value)


def test_only_the_rooms_that_speak_sql_hold_statements() -> None:
    found = [
        f"{where(path, line)} {text.strip()[:60]!r}"
        for path in MODULES
        if room(path) not in {*SPEAKS_SQL, KNOWS_WORDS}
        for line, text in literals(path)
        if STATEMENT.search(text)
    ]

    assert found == []


@pytest.mark.parametrize("registry", REGISTRIES)
def test_environment_variables_are_named_in_one_module(registry: str) -> None:
    variable = REGISTRIES[registry]
    found = [
        f"{where(path, line)} {text}"
        for path in MODULES
        if path not in {PACKAGE / registry, PACKAGE / "_fast" / "request.py"}
        for line, text in literals(path)
        if variable.fullmatch(text)
    ]

    assert (PACKAGE / registry).exists()
    assert found == []


def test_no_module_has_grown_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in MODULES
    }

    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_no_module_is_named_for_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base"}

    assert [str(path) for path in MODULES if path.stem.strip("_") in vague] == []
