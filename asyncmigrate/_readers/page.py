"""The status page: a whole HTML document for people, with no asset and no script.

Versions, names and messages come from files and servers; each is escaped here, control
characters and marks that reverse the reading direction among them.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape as html_escape
from typing import Final

from asyncmigrate._nouns import Holder
from asyncmigrate._readers.document import moment
from asyncmigrate._readers.page_style import STYLE
from asyncmigrate._readers.text import escape, spell_duration
from asyncmigrate._version import __version__
from asyncmigrate.errors import MigrationError
from asyncmigrate.results import MigrationStatus, Standing, Status

_SHADES: Final = {
    Standing.APPLIED: "good",
    Standing.PENDING: "wait",
    Standing.MISSING: "bad",
    Standing.MODIFIED: "bad",
    Standing.AHEAD: "other",
    Standing.RUNNING: "busy",
    Standing.FAILED: "bad",
}
_WORDS: Final = {Standing.MODIFIED: "edited"}
"""Where people say it in another word than the contract."""
_REFRESH: Final = 2
"""Seconds after which a page is loaded again, while there is something to see."""
_EMPTY: Final = '<section class="sheet faint">There are no migrations.</section>\n'
_SHARE: Final = re.compile(r"\b(\d{1,3}) %")


def render_page(status: Status, *, at: datetime) -> str:
    """The page of one look, taken *at* a time."""
    busy = status.lock is not None
    verdict, shade = _verdict(status)
    versioned = [m for m in status.migrations if not m.repeatable]
    repeatable = [m for m in status.migrations if m.repeatable]
    longest = max([m.execution_time_ms or 0 for m in status.migrations], default=0)
    parts = [
        _head(verdict, shade, status.namespace),
        _sums(status),
        _lock(status.lock),
        _notes("What stops the next run", "bad", status.problems),
        _notes("Warnings", "wait", status.warnings),
        _table("version", list(reversed(versioned)), longest),
        _table("file", repeatable, longest),
        "" if status.migrations else _EMPTY,
    ]
    return _document(verdict, parts, at, refresh=busy or status.pending > 0)


def render_failure(error: MigrationError, *, namespace: str, at: datetime) -> str:
    """The page of a look that came to nothing."""
    told = [error.message, *([f"hint: {error.hint}"] if error.hint else [])]
    parts = [
        _head("cannot be read", "bad", namespace),
        _notes("The status cannot be read", "bad", told),
    ]
    return _document("cannot be read", parts, at, refresh=True)


def _verdict(status: Status) -> tuple[str, str]:
    standing = {migration.status for migration in status.migrations}
    if status.problems or Standing.FAILED in standing:
        return "needs attention", "bad"
    if status.lock is not None:
        return "running", "busy"
    if status.pending:
        return f"{status.pending} pending", "wait"
    if not status.healthy:
        return "needs attention", "bad"
    if Standing.AHEAD in standing:
        return "ahead of these files", "other"
    return "up to date", "good"


def _document(title: str, parts: Iterable[str], at: datetime, *, refresh: bool) -> str:
    again = f'<meta http-equiv="refresh" content="{_REFRESH}">' if refresh else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">{again}\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>Migrations: {_safe(title)}</title>\n<style>{STYLE}</style>\n"
        f"</head>\n<body>\n<main>\n{''.join(filter(None, parts))}"
        f"<footer>as of {_time(at, seconds=True)} · asyncmigrate"
        f" {_safe(__version__)}</footer>\n</main>\n</body>\n</html>\n"
    )


def _head(verdict: str, shade: str, namespace: str) -> str:
    return (
        f"<header><h1>Migrations</h1>{_chip(verdict, shade)}"
        f'<span class="place">namespace {_safe(namespace)}</span></header>\n'
    )


def _sums(status: Status) -> str:
    took = sum(m.execution_time_ms or 0 for m in status.migrations) / 1000
    last = next(
        (m for m in status.migrations if m.version == status.last_applied), None
    )
    pairs = [
        ("applied", str(status.applied)),
        ("pending", str(status.pending)),
        ("last applied", _safe(status.last_applied or "none")),
        ("on", _time(last.applied_at) if last and last.applied_at else ""),
        ("time in all", spell_duration(took) if took else ""),
    ]
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs if value
    )
    return f'<section class="sheet"><dl class="sums">{cells}</dl></section>\n'


def _lock(holder: Holder | None) -> str:
    if holder is None:
        return ""
    what = f"running {_safe(holder.current_version)}" if holder.current_version else ""
    progress = _safe(holder.progress or "")
    since = f", for {spell_duration(holder.held_for)}" if holder.held_for else ""
    held = f"{_chip('lock held', 'busy')} by {_safe(holder.locked_by)}{since}"
    lines = [f'<p class="what">{held}</p>']
    if what or progress:
        told = ": ".join(filter(None, (what, progress)))
        lines.append(f'<p class="what"><strong>{told}</strong></p>')
    share = _SHARE.search(holder.progress or "")
    if share:
        lines.append(_bar(int(share[1]) / 100, f"{share[1]} %", now=True))
    return f'<section class="sheet lock">{"".join(lines)}</section>\n'


def _notes(heading: str, shade: str, notes: Iterable[str]) -> str:
    items = "".join(f"<li>{_safe(note)}</li>" for note in notes)
    if not items:
        return ""
    return (
        f'<section class="sheet note"><h2>{_chip(heading, shade)}</h2>'
        f"<ul>{items}</ul></section>\n"
    )


def _table(column: str, rows: list[MigrationStatus], longest: int) -> str:
    if not rows:
        return ""
    body = "".join(_row(row, longest) for row in rows)
    return (
        f'<section class="sheet table {column}s"><table><thead><tr>'
        f'<th class="version">{column}</th><th>name</th><th class="status">status</th>'
        '<th class="time">applied at</th><th class="took">duration</th></tr></thead>'
        f"<tbody>\n{body}</tbody></table></section>\n"
    )


def _row(row: MigrationStatus, longest: int) -> str:
    word = _WORDS.get(row.status, row.status.value)
    when = _time(row.applied_at) if row.applied_at else ""
    took = ""
    if row.execution_time_ms is not None:
        spelt = spell_duration(row.execution_time_ms / 1000)
        share = row.execution_time_ms / longest if longest else 0
        took = f"<div>{_bar(share, spelt)}<span>{spelt}</span></div>"
    return (
        f'<tr><td class="version">{_breakable(row.version)}</td>'
        f'<td class="name" title="{_safe(row.file or "")}">{_breakable(row.name)}</td>'
        f"<td>{_chip(word, _SHADES[row.status])}</td>"
        f'<td class="time">{when}</td><td class="took">{took}</td></tr>\n'
    )


def _bar(share: float, label: str, *, now: bool = False) -> str:
    # Attributes of SVG, since the policy forbids a style of an element's own.
    width = max(1.0, min(100.0, share * 100))
    shade = "bar now" if now else "bar"
    return (
        f'<svg role="img" aria-label="{_safe(label)}"><rect class="track"'
        f' width="100%" height="100%"/><rect class="{shade}"'
        f' width="{width:.1f}%" height="100%" rx="4"/></svg>'
    )


def _chip(text: str, shade: str) -> str:
    return f'<span class="chip {shade}">{_safe(text)}</span>'


def _time(at: datetime, *, seconds: bool = False) -> str:
    shown = at.astimezone(UTC)
    spelt = f"{shown:%Y-%m-%d %H:%M:%S}" if seconds else f"{shown:%Y-%m-%d %H:%M}"
    return f'<time datetime="{moment(at)}">{spelt} UTC</time>'


def _breakable(text: str) -> str:
    """A name that a narrow column breaks between its words rather than in one."""
    return _safe(text).replace("_", "_<wbr>").replace("/", "/<wbr>")


def _safe(text: str) -> str:
    return html_escape(escape(text))
