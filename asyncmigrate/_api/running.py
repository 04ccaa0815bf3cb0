"""What every operation begins with: an address, an identity, a task of its own."""

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncmigrate._database.address import read_address
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.relay import Relay
from asyncmigrate._engine.scope import in_child_task, require_asyncio
from asyncmigrate._settings import Settings
from asyncmigrate.events import Emit, Warned

T = TypeVar("T")


def new_run(settings: Settings, emit: Emit | None) -> Run:
    """A run with an address, an identity and a relay.

    Raises:
        InvalidUsage: no asyncio loop is running here, or no database was given.
        InvalidSetting: the DSN cannot be read.
    """
    require_asyncio()
    if settings.connect is None:
        address = read_address(settings.dsn, os.environ)
    else:
        address = read_address("postgresql://unused", {})
    run = Run(settings=settings, address=address, emit=Relay([emit] if emit else []))
    for warning in address.warnings:
        run.warnings.append(warning)
        run.emit(Warned(message=warning))
    return run


async def in_run(
    settings: Settings, emit: Emit | None, work: Callable[[Run], Awaitable[T]]
) -> T:
    """Run *work* as a child task."""
    run = new_run(settings, emit)
    return await in_child_task(lambda: work(run))
