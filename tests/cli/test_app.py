"""Whatever one types, the command answers in its own way and with the right status."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from inline_snapshot import snapshot

from asyncmigrate._cli.app import COMMANDS
from asyncmigrate._version import __version__
from tests.kit.commands import Cli, Outcome

# Replaces a call of the library by one that fails as no call should.
BROKEN = """
import asyncmigrate._api as api, sys
from asyncmigrate._cli.app import run
async def broken(settings):
    raise RuntimeError(f"surprise at {settings.dsn}")
api.read_status = broken
sys.exit(run(sys.argv[1:]))
"""
QUICK = """
import sys
sys.argv = ["asyncmigrate", "--version"]
from asyncmigrate.__main__ import main
main()
heavy = {"typer", "asyncio", "asyncpg", "rich", "pydantic", "logging"} & set(sys.modules)
assert not heavy, heavy
"""


async def test_the_version_is_told_without_importing_anything(cli: Cli) -> None:
    told = await cli("--version")
    quick = await anyio.run_process([sys.executable, "-c", QUICK], check=False)

    assert told.shown == f"exit 0\n--- stdout\nasyncmigrate {__version__}"
    assert (quick.returncode, quick.stderr) == (0, b"")


async def test_no_option_makes_typer_import_pydantic(tmp_path: Path) -> None:
    code = (
        "import sys; from asyncmigrate._cli.app import run;"
        " run(['config', '--lock-wait', '3', '-d', 'a', '-d', 'b']);"
        " sys.exit('pydantic' in sys.modules or 'rich' in sys.modules)"
    )

    done = await anyio.run_process(
        [sys.executable, "-c", code], cwd=tmp_path, check=False
    )

    assert done.returncode == 0, done.stderr


async def test_without_a_command_the_help_is_an_error(cli: Cli) -> None:
    asked, unasked = await cli("--help"), await cli()

    assert (asked.exit_status, asked.stderr) == (0, "")
    assert (unasked.exit_status, unasked.stdout) == (2, "")
    assert asked.stdout == unasked.stderr
    assert asked.shown == snapshot("""\
exit 0
--- stdout
Usage: asyncmigrate [OPTIONS] COMMAND

  Apply PostgreSQL migrations: plain SQL, each applied once, by however many processes
  start.

  A migration is a file such as `migrations/0001_create_users.sql`; the database itself
  remembers which were applied. Where it is comes from --dsn or DATABASE_URL.

Commands:
  migrate   Apply every pending migration, oldest first
  rollback  Undo applied migrations, newest first, by their DOWN
  redo      Undo the newest migration and apply it again, while it is being written
  status    Show what is applied, pending, missing and modified, and who holds the lock
  wait      Wait until every migration of the directory is applied, by somebody else
  history   Show everything that was ever applied, undone, marked or repaired, and by
            whom
  new       Write a new migration file with the next version, ready to be filled in
  validate  Check files, and files against history; change nothing. Exit 4 on a finding
  baseline  Mark everything up to a version as applied, without running it
  adopt     Take over what another tool has applied, so that only new files are pending
  repair    Settle what only a person can decide, after showing what will be written
  config    Show every setting, its value and where that came from; passwords are masked
  demo      Show the main job on an embedded PostgreSQL that is removed afterwards

Examples:
  asyncmigrate new create users
      Write a new, empty migration.
  asyncmigrate migrate
      Apply what is pending.
  asyncmigrate status
      See what is applied and what is not.
  asyncmigrate demo
      See all of it on a database of its own.

Options:
  -V, --version                  Show the version and exit.
  --install-completion           Install completion for the current shell.
  --show-completion              Print completion for the current shell.
  -h, --help                     Show this message and exit.

`asyncmigrate COMMAND --help` explains a command. Exit status: 0 done or nothing to do,
1 a migration failed, 2 wrong use, 3 the lock was not free, 4 files and history
disagree, 5 database not usable, 6 needs `repair`, 7 a check found something, 130 and
143 interrupted.\
""")


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_teaches_itself_in_eighty_columns(
    cli: Cli, command: str
) -> None:
    shown = await cli(command, "--help", env={"COLUMNS": "80"})

    assert shown.exit_status == 0
    assert f"Examples:\n  asyncmigrate {command}" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "\x1b" not in shown.stdout


async def test_the_other_names_of_commands_are_the_same_commands(cli: Cli) -> None:
    up, down = await cli("up", "--help"), await cli("down", "--help")

    assert "Apply every pending migration" in up.stdout
    assert "Undo applied migrations" in down.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["migrate", "--foo"], "no such option: --foo"),
        (["migrate", "--to"], "option '--to' requires an argument"),
        (["baseline"], "missing argument 'VERSION'"),
        (["stats"], "no such command 'stats'. Did you mean 'status'?"),
        (["migrate", "--lock-wait", "soon"], "--lock-wait: 'soon' is no value"),
        (["rollback", "--steps", "0"], "--steps: '0' is no number of migrations"),
        (["rollback", "--steps", "1", "--run"], "exclude each other"),
        (["wait", "--timeout", "later"], "--timeout: 'later' is no duration"),
        (["repair"], "nothing was asked for"),
        (["repair", "--resume", "--mark-applied"], "exclude each other"),
        (["repair", "--mark-applied"], "--mark-applied needs the versions"),
        (["repair", "--renumber", "3"], "--renumber: '3' is no pair of versions"),
        (["status", "--log-format", "xml"], "'xml' is no format of logs"),
    ],
)
async def test_wrong_use_is_explained_and_exits_with_2(
    cli: Cli, arguments: list[str], message: str
) -> None:
    text = await cli(*arguments)
    document = await cli(arguments[0], "--json", *arguments[1:])

    assert (text.exit_status, text.stdout) == (2, "")
    assert text.stderr.startswith("error: ")
    assert message in text.stderr
    assert "\nhint: " in text.stderr
    assert (document.exit_status, document.stderr) == (2, "")
    assert message in document.document["error"]["message"]
    assert document.document["ok"] is False


async def test_an_option_before_the_command_is_told_its_place(cli: Cli) -> None:
    done = await cli("--json", "status")

    assert done.exit_status == 2
    assert done.document["error"]["hint"] == "options come after the command"


async def test_a_bug_is_one_document_and_a_traceback_without_the_password(
    cli: Cli, tmp_path: Path
) -> None:
    async def run(*more: str) -> Outcome:
        done = await anyio.run_process(
            [sys.executable, "-c", BROKEN, "status", *more],
            env={**cli.environment, "DATABASE_URL": "postgresql://u:s3cr3t@h/d"},
            cwd=tmp_path,
            check=False,
        )
        streams = done.stdout.decode(), done.stderr.decode()
        return Outcome(done.returncode, *streams, cwd=tmp_path)

    text, document = await run(), await run("--json")

    assert (text.exit_status, text.stdout) == (1, "")
    assert "Traceback" in text.stderr
    assert "error: this is a bug in asyncmigrate" in text.stderr
    told = document.document
    assert (document.exit_status, told["error"]["code"]) == (1, "internal_error")
    assert told["error"]["message"].endswith("surprise at postgresql://u:***@h/d")
    assert "Traceback" in document.stderr
    for stream in (text.stderr, document.stdout, document.stderr):
        assert "s3cr3t" not in stream


async def test_help_is_a_document_too_when_json_is_asked_for(cli: Cli) -> None:
    shown = await cli("status", "--json", "--help")

    assert shown.document["ok"] is True
    assert "Usage:" in shown.stderr


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_has_gone_is_no_reason_to_fail(cli: Cli, closed: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writes}

    done = subprocess.run(
        [sys.executable, "-m", "asyncmigrate", "config"],
        cwd=cli.cwd,
        env=cli.environment,
        check=False,
        **streams,  # type: ignore[call-overload]  # the streams by name
    )
    os.close(writes)

    assert done.returncode == 0
    assert not done.stderr
