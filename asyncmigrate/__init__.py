"""PostgreSQL migrations for async Python services.

Plain SQL (or async Python) migrations, applied in version order, safely, by however
many processes start at once::

    from asyncmigrate import migrate

    await migrate("postgresql://app@localhost/app")

Names are resolved when they are first used: importing this package alone loads
neither asyncpg nor asyncio.
"""

from asyncmigrate._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 8 ms
    from typing import Any

    from asyncmigrate._api import (
        adopt,
        baseline,
        history,
        migrate,
        redo,
        repair,
        rollback,
        status,
        validate,
        wait_until_current,
    )
    from asyncmigrate._settings import Settings
    from asyncmigrate.errors import MigrationError
    from asyncmigrate.results import (
        AdoptedMigration,
        AdoptionReport,
        MigrationReport,
        MigrationResult,
        MigrationStatus,
        Outcome,
        RepairAction,
        Standing,
        Status,
    )

__all__ = [
    "AdoptedMigration",
    "AdoptionReport",
    "MigrationError",
    "MigrationReport",
    "MigrationResult",
    "MigrationStatus",
    "Outcome",
    "RepairAction",
    "Settings",
    "Standing",
    "Status",
    "__version__",
    "adopt",
    "baseline",
    "history",
    "migrate",
    "redo",
    "repair",
    "rollback",
    "status",
    "validate",
    "wait_until_current",
]

_HOMES = {
    "MigrationError": "asyncmigrate.errors",
    "Settings": "asyncmigrate._settings",
    **dict.fromkeys(
        (
            "AdoptedMigration",
            "AdoptionReport",
            "MigrationReport",
            "MigrationResult",
            "MigrationStatus",
            "Outcome",
            "RepairAction",
            "Standing",
            "Status",
        ),
        "asyncmigrate.results",
    ),
}


def __getattr__(name: str) -> "Any":  # noqa: ANN401 - whatever the name stands for
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    import importlib  # noqa: PLC0415 - a process that asks for nothing pays nothing

    value = getattr(
        importlib.import_module(_HOMES.get(name, "asyncmigrate._api")), name
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
