"""What a program calls, and what the command calls: settings in, a result out.

Names are resolved when they are first used: what migrates need not load what repairs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncmigrate._api.calls import (
        Directory,
        Options,
        adopt,
        baseline,
        history,
        migrate,
        redo,
        repair,
        rollback,
        settings_of,
        status,
        validate,
        wait_until_current,
    )
    from asyncmigrate._api.migrating import run_migrate
    from asyncmigrate._api.operations import (
        create_migration,
        read_history,
        read_script,
        read_status,
        run_adopt,
        run_baseline,
        run_redo,
        run_repair,
        run_rollback,
        run_validate,
        run_wait,
        validate_against,
    )
    from asyncmigrate._api.probing import StatusProbe

__all__ = [
    "Directory",
    "Options",
    "StatusProbe",
    "adopt",
    "baseline",
    "create_migration",
    "history",
    "migrate",
    "read_history",
    "read_script",
    "read_status",
    "redo",
    "repair",
    "rollback",
    "run_adopt",
    "run_baseline",
    "run_migrate",
    "run_redo",
    "run_repair",
    "run_rollback",
    "run_validate",
    "run_wait",
    "settings_of",
    "status",
    "validate",
    "validate_against",
    "wait_until_current",
]

_HOMES: Final = {
    "StatusProbe": "probing",
    "run_migrate": "migrating",
    **dict.fromkeys(
        (
            "create_migration",
            "read_history",
            "read_script",
            "read_status",
            "run_adopt",
            "run_baseline",
            "run_redo",
            "run_repair",
            "run_rollback",
            "run_validate",
            "run_wait",
            "validate_against",
        ),
        "operations",
    ),
}
"""Where a name is, if not in `calls`."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'calls')}"), name)
    globals()[name] = value
    return value
