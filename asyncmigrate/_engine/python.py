"""Python migrations: loaded from their file to be applied, never from the database."""

import importlib.util
import sys
import traceback
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import anyio

from asyncmigrate._database.failures import SessionLost
from asyncmigrate._database.session import Session
from asyncmigrate._engine import failure as failures
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.watch import Verdict
from asyncmigrate._plan import Step
from asyncmigrate._sql.secrets import without_secrets
from asyncmigrate.errors import MigrationError, MigrationFailed


class Raised(Exception):
    """A migration's own code raised something."""

    def __init__(self, error: Exception, path: str) -> None:
        super().__init__(without_secrets(str(error)))
        self.error = error
        self.path = path

    @property
    def told(self) -> str:
        """What it was, with its class."""
        return f"{type(self.error).__name__}: {self}"


def _load(text: str, path: str, name: str) -> ModuleType:
    # The text that was hashed is what runs, whatever the file holds by now.
    spec = importlib.util.spec_from_loader(name, loader=None, origin=path)
    assert spec is not None  # noqa: S101 - a name and no loader always make a spec
    module = importlib.util.module_from_spec(spec)
    module.__file__ = path
    sys.modules[name] = module  # dataclasses in the file look themselves up
    exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - the author's own migration
    return module


async def call(step: Step, session: Session) -> None:
    """Run ``up`` or ``down`` with the session's own asyncpg connection.

    Raises:
        Raised: the migration's code raised.
        SessionLost: the connection is gone.
    """
    path = step.file.path if step.file else step.part.file
    name = f"_asyncmigrate_migration_{id(step)}"
    try:
        module = _load(step.part.text, path, name)
        work: Callable[[Any], Awaitable[None]] = getattr(module, step.direction)
        with session.savepoints() as connection, anyio.CancelScope() as scope:
            # It may wait for something else when its session is ended.
            session.on_closed(scope.cancel)
            await work(connection)
        if scope.cancelled_caught:
            message = "the session was ended"
            raise SessionLost(message)  # noqa: TRY301 - told apart just below
    except SessionLost:
        raise
    except Exception as error:
        if session.is_closed:
            raise SessionLost(without_secrets(str(error))) from error
        raise Raised(error, path) from error
    finally:
        sys.modules.pop(name, None)


def failed(  # noqa: PLR0913 - what a failure is told by
    step: Step,
    ready: Ready,
    raised: Raised,
    run: Run,
    verdict: Verdict | None,
    *,
    left: str,
) -> MigrationError:
    """The error that the caller of the run sees."""
    if verdict is not None:
        return failures.block_limit_reached(step, ready, verdict, None)
    error = raised.error
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == raised.path]
    sqlstate = getattr(error, "sqlstate", None)
    state = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    final = MigrationFailed(
        f"{raised.told}{state}; migration {step.version} failed: {left};"
        f" {run.standing()}",
        version=step.version,
        file=ready.part.file,
        line=lines[-1] if lines else None,
        sqlstate=sqlstate,
        detail=_told(error, "detail"),
        hint=_told(error, "hint"),
    )
    final.__cause__ = error
    return final


def _told(error: Exception, name: str) -> str | None:
    """What a server's error says besides its message."""
    text = getattr(error, name, None)
    return without_secrets(text) if isinstance(text, str) else None
