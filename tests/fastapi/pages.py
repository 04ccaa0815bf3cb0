"""A status with one of everything, for the page that shows it."""

from datetime import UTC, datetime, timedelta

from asyncmigrate._migration import Holder
from asyncmigrate.results import MigrationStatus, Standing, Status

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
    "\"'&amp; </style></td>\x1b[31m\u202etxt.exe"
)

_ROWS = (
    ("20260105_001", "catalogue", Standing.APPLIED, 41),
    ("20260105_002", "customers", Standing.APPLIED, 12),
    ("20260112_001", "orders", Standing.APPLIED, 350),
    ("20260119_001", "touch_updated_at", Standing.MODIFIED, 6),
    ("20260126_001", "stock_movements", Standing.MISSING, 88),
    ("20260202_001", "first_shelf", Standing.APPLIED, 2),
    ("20260202_002", "book_slugs", Standing.APPLIED, 4180),
    ("20260209_001", "orders_by_customer", Standing.RUNNING, None),
    ("20260216_001", "reorder_level", Standing.PENDING, None),
    ("20260216_002", "check_reorder_level", Standing.PENDING, None),
)


def _row(
    at: int, version: str, name: str, standing: Standing, took: int | None
) -> MigrationStatus:
    return MigrationStatus(
        version=version,
        name=name,
        status=standing,
        applied_at=None if took is None else START + timedelta(days=at),
        execution_time_ms=took,
        file=f"{version}_{name}.sql",
    )


def status(*more: MigrationStatus, everything: bool = True) -> Status:
    """Everything that a page can show, or of a database where all is well."""
    rows = [_row(at, *row) for at, row in enumerate(_ROWS)]
    if not everything:
        rows = [row for row in rows if row.status is Standing.APPLIED]
    repeatable = MigrationStatus(
        version="repeatable/sales_by_month.sql",
        name="sales_by_month",
        status=Standing.APPLIED,
        applied_at=START,
        execution_time_ms=19,
        file="repeatable/sales_by_month.sql",
        repeatable=True,
    )
    holder = Holder(
        run_id="1f0c",
        locked_by="app@shop-migrate-x7k2p, process 7, release 2026.3",
        beat=3,
        held_for=74.0,
        backend_pid=4711,
        current_version="20260209_001",
        progress="building index: scanning table 62 %",
    )
    return Status(
        namespace="default",
        migrations=(*rows, *more, repeatable),
        lock=holder if everything else None,
        problems=(
            "20260119_001_touch_updated_at.sql was edited after it was applied",
            "20260126_001 stock_movements was applied, and its file is missing",
        )
        if everything
        else (),
        warnings=("the database is ahead of these files: 20260301_001",)
        if everything
        else (),
    )


def hostile() -> MigrationStatus:
    """Versions and names that try to be markup, or to steer what reads them."""
    return MigrationStatus(
        version=HOSTILE,
        name=HOSTILE,
        status=Standing.PENDING,
        file=HOSTILE,
    )
