"""The scripts of a plan, read before anything runs: what is refused is refused now."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from asyncmigrate._database.transaction import Limits
from asyncmigrate._migration import Part
from asyncmigrate._plan import Step
from asyncmigrate._settings import Settings, placeholder_lookup
from asyncmigrate._sql.kinds import StatementKind
from asyncmigrate._sql.placeholders import Filled, fill
from asyncmigrate._sql.position import line_column
from asyncmigrate._sql.script import Script, read_script
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import Conflict

_ZERO: Final = r"(?:'\s*0\s*\w*\s*'|0|DEFAULT)"
_NO_LIMIT: Final = re.compile(
    rf"SET\s+(?:(?:LOCAL|SESSION)\s+)?lock_timeout\s*(?:=|\s+TO\s)\s*{_ZERO}"
    r"|RESET\s+lock_timeout"
    r"|SELECT\s+(?:pg_catalog\.)?set_config\s*"
    rf"\(\s*'lock_timeout'\s*,\s*{_ZERO}\s*,\s*(?:true|false)\s*\)",
    re.IGNORECASE,
)
_SET_CONFIG: Final = re.compile(
    r"SELECT\s+(?:pg_catalog\.)?set_config\s*"
    r"\(\s*'[^']*'\s*,\s*'[^']*'\s*,\s*false\s*\)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A step's script as it will run, with the limits that hold for it."""

    part: Part
    script: Script | None
    """Null for Python."""
    body: str
    filled: Filled
    """The part's text, its placeholders filled in."""
    limits: Limits
    block_limit: float
    concurrent_timeout: float

    @property
    def transaction(self) -> bool:
        """Whether it runs in one transaction."""
        if self.script is None:
            return self.part.options.transaction is not False
        return self.script.transaction


def make_ready(step: Step, settings: Settings) -> tuple[Ready, list[Conflict]]:
    """Read a step's script, and say what in it is refused."""
    part = step.part
    options = part.options
    script = None
    body = ""
    conflicts: list[Conflict] = []
    filled = Filled(part.text)
    if options.placeholders:
        lookup = placeholder_lookup(settings.placeholders, os.environ)
        filled = fill(part.text, options.placeholders, lookup, os.environ)
        conflicts = [_unfilled(step, *problem) for problem in filled.problems]
    if not part.python and not conflicts:
        script = read_script(
            filled.text, transaction=options.transaction, blocks=options.blocks
        )
        body = _leave_out(script)
        conflicts = [
            Conflict(
                kind="refused",
                version=step.version,
                file=part.file,
                line=part.line + refusal.line - 1,
                column=refusal.column,
                message=refusal.message,
                hint=refusal.hint,
            )
            for refusal in script.refusals
        ]
    ready = Ready(
        part=part,
        script=script,
        body=body,
        filled=filled,
        limits=Limits(
            lock_timeout=_first(options.lock_timeout, settings.lock_timeout),
            statement_timeout=_first(
                options.statement_timeout, settings.statement_timeout
            ),
            role=options.role or settings.role,
        ),
        block_limit=_first(options.block_limit, settings.block_limit),
        concurrent_timeout=_first(
            options.concurrent_timeout, settings.concurrent_timeout
        ),
    )
    return ready, conflicts


def _unfilled(step: Step, offset: int, message: str, hint: str) -> Conflict:
    line, column = line_column(step.part.text, offset)
    return Conflict(
        kind="refused",
        version=step.version,
        file=step.part.file,
        line=step.part.line + line - 1,
        column=column,
        message=message,
        hint=hint,
    )


def _first(directive: float | None, setting: float) -> float:
    return setting if directive is None else directive


def is_left_out(statement: Statement, kind: StatementKind) -> bool:
    """Whether it is not sent, as being about psql's way to run a file, not ours.

    Every pg_dump file takes the limit off lock waits. An encoding is that of the
    file's bytes; what is sent is UTF-8, and the server would garble it.
    """
    if kind.sets is not None and kind.sets.name == "client_encoding":
        return True
    return (
        kind.words[:1] in {("SET",), ("RESET",), ("SELECT",)}
        and _NO_LIMIT.fullmatch(statement.text) is not None
    )


def session_changes(script: Script, until: int) -> str:
    """What the statements before number *until* have set in the session, as SQL.

    A new session that is to go on there needs it; a SET that is undone does not count.
    """
    changes: list[Statement] = []
    roles: list[Statement] = []
    for statement, kind in zip(
        script.statements[:until], script.kinds[:until], strict=True
    ):
        if kind.words[:1] == ("RESET",) and kind.resets_session:
            changes = list(roles)  # RESET ALL leaves the role
        elif _changes_session(statement, kind) and not is_left_out(statement, kind):
            changes.append(statement)
            if kind.words[1:2] in _ROLES:
                roles.append(statement)
    return "".join(f"{statement.text};" for statement in changes)


_ROLES: Final = {("ROLE",), ("SESSION",)}


def _changes_session(statement: Statement, kind: StatementKind) -> bool:
    if kind.sets is not None:
        return not kind.sets.is_local
    if kind.words[:1] == ("SELECT",):
        return _SET_CONFIG.fullmatch(statement.text) is not None
    return kind.words[:1] == ("RESET",)


def _leave_out(script: Script) -> str:
    """The body without what is not sent; offsets stay as they are."""
    body = script.body
    for statement, kind in zip(script.statements, script.kinds, strict=True):
        if is_left_out(statement, kind):
            blank = " " * (statement.end - statement.start)
            body = body[: statement.start] + blank + body[statement.end :]
    return body


def single_transaction_conflicts(
    steps: Sequence[Step], readies: Sequence[Ready]
) -> list[Conflict]:
    """Why these steps cannot share one transaction."""
    conflicts = []
    modes = {r.script.modes for r in readies if r.script is not None}
    for step, ready in zip(steps, readies, strict=True):
        if not ready.transaction:
            conflicts.append(
                Conflict(
                    kind="refused",
                    version=step.version,
                    file=ready.part.file,
                    line=ready.part.line,
                    message="this migration cannot be in a transaction, and"
                    " `--single-transaction` asks for one",
                    hint="apply up to it first, or leave the option out",
                )
            )
        elif len(modes) > 1 and ready.script is not None and ready.script.modes:
            conflicts.append(
                Conflict(
                    kind="refused",
                    version=step.version,
                    file=ready.part.file,
                    line=ready.part.line,
                    message=f"this migration asks for {ready.script.modes}, and others"
                    " of the single transaction do not",
                    hint="apply it in a run of its own",
                )
            )
    return conflicts
