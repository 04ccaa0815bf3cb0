"""What an adoption makes of each migration: a table, a line for the sum, a document."""

from collections.abc import Iterable
from typing import Any

from asyncmigrate._readers.document import moment
from asyncmigrate._readers.tables import Column, TableView, spell_time, spell_took
from asyncmigrate._readers.text import escape
from asyncmigrate.results import AdoptedMigration, AdoptionReport


def show_mapping(report: AdoptionReport, view: TableView) -> str:
    """Each migration with what the other tool knows of it; how many, and on what."""
    rows = report.mapping
    whose = f"{report.tool}'s history in {report.table}"
    lines = view.render(
        [
            Column("version", [escape(row.version) for row in rows], shrinks=True),
            Column("name", [escape(row.name) for row in rows], shrinks=True),
            Column(
                "known there as",
                [escape(row.old_key or "") if _differs(row) else "" for row in rows],
                shrinks=True,
                optional=4,
            ),
            Column(
                "applied at (UTC)",
                [spell_time(row.applied_at) for row in rows],
                optional=1,
            ),
            Column(
                "took",
                [spell_took(row.execution_time_ms) for row in rows],
                right=True,
                optional=2,
            ),
            Column(
                "by",
                [escape(row.applied_by or "") for row in rows],
                shrinks=True,
                optional=3,
            ),
            Column("taken over", [_how(row) for row in rows]),
        ]
    )
    return "\n".join([*lines, "", f"{escape(whose)}: {sum_of(rows)}"])


def _differs(row: AdoptedMigration) -> bool:
    return (row.old_key or row.version).lstrip("0") != row.version.lstrip("0")


def _how(row: AdoptedMigration) -> str:
    if row.standing:
        return "already"
    return "by checksum" if row.verified else "on trust"


def sum_of(rows: Iterable[AdoptedMigration]) -> str:
    """How many are taken over, and on what grounds."""
    ways = [_how(row) for row in rows]
    parts = [
        f"{ways.count(way)} {words}"
        for way, words in (
            ("by checksum", "verified by checksum"),
            ("on trust", "taken on trust"),
            ("already", "taken over already"),
        )
        if way in ways
    ]
    return ", ".join(parts) or "nothing is applied"


def mapping_entry(row: AdoptedMigration) -> dict[str, Any]:
    """One migration of the mapping, for the document."""
    return {
        "version": row.version,
        "name": row.name,
        "file": row.file,
        "old_key": row.old_key,
        "applied_at": moment(row.applied_at),
        "applied_by": row.applied_by,
        "execution_time_ms": row.execution_time_ms,
        "verified": row.verified,
        "standing": row.standing,
    }
