"""A statement's failure, told with its place in the file and what state is left."""

from asyncmigrate._database.failures import StatementFailed
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.scripts import Ready
from asyncmigrate._engine.watch import Verdict
from asyncmigrate._migration import Blocker, Direction
from asyncmigrate._plan import Step
from asyncmigrate._sql.position import line_column
from asyncmigrate._sql.secrets import without_secrets
from asyncmigrate._sql.statements import Statement
from asyncmigrate.errors import (
    BlockLimitReached,
    MigrationFailed,
    TableLockNotAcquired,
)

RETRIED = frozenset({"55P03", "40P01", "40001"})
"""lock_not_available, deadlock_detected, serialization_failure."""

ROLLED_BACK = "the migration was rolled back"
NOT_OURS = "the server says that this session no longer holds it"
"""Why a run stops whose lock somebody else may have by now."""


def is_transient(sqlstate: str | None, failure: object) -> bool:
    """Whether the same migration may well succeed in another try.

    Besides `RETRIED`: two databases of one cluster that race on a shared catalogue.
    """
    if sqlstate in RETRIED:
        return True
    table = str(getattr(failure, "table", None) or getattr(failure, "table_name", ""))
    schema = str(
        getattr(failure, "schema", None) or getattr(failure, "schema_name", "")
    )
    said = getattr(failure, "unveiled", None) or getattr(failure, "message", failure)
    if sqlstate == "23505" and schema == "pg_catalog":
        return table.startswith("pg_auth") or table == "pg_db_role_setting"
    return sqlstate == "XX000" and "tuple concurrently updated" in str(said)


def statement_at(ready: Ready, offset: int) -> Statement | None:
    """The statement that holds *offset*."""
    if ready.script is None:
        return None
    for statement in ready.script.statements:
        if statement.start <= offset <= statement.stop:
            return statement
    return None


def failed(  # noqa: PLR0913 - everything that a failure's message says
    step: Step,
    ready: Ready,
    failure: StatementFailed,
    run: Run,
    *,
    offset: int | None = None,
    statement: Statement | None = None,
    left: str = ROLLED_BACK,
) -> MigrationFailed:
    """The error that the caller of the run sees.

    *offset* is where in the script the server saw it; without one, the statement's
    own beginning stands in.
    """
    if statement is None and offset is not None:
        statement = statement_at(ready, offset)
    position = None
    if offset is None and statement is not None:
        offset = statement.start
    elif offset is not None and statement is not None:
        position = offset - statement.start
    line = column = None
    if offset is not None:
        text = ready.filled.text
        row, column = line_column(text, min(offset, len(text)))
        line = ready.part.line + row - 1
    verb = "migration" if step.direction is Direction.UP else "roll-back of migration"
    shown = shown_statement(ready, statement)
    if statement is not None and shown is not None and position is not None:
        before = statement.text[:position]
        position = position if shown.startswith(before) else None
    error = MigrationFailed(
        f"{failure.message} (SQLSTATE {failure.sqlstate}); {verb} {step.version}"
        f" failed: {left}; {run.standing()}",
        version=step.version,
        file=ready.part.file,
        line=line,
        column=column,
        sqlstate=failure.sqlstate,
        statement=shown,
        position=position,
        detail=_detail(failure),
        hint=_hint(step, ready, failure, run),
    )
    error.__cause__ = failure.__cause__ or failure
    return error


def line_of(ready: Ready, statement: Statement | None) -> int:
    """The line of the file on which a statement begins; the script's own without one."""
    if statement is None:
        return ready.part.line
    return ready.part.line + line_column(ready.filled.text, statement.start)[0] - 1


def shown_statement(ready: Ready, statement: Statement | None) -> str | None:
    """A statement as it may be shown: with its placeholders, without its secrets."""
    if statement is None:
        return None
    return without_secrets(ready.filled.hidden(statement.start, statement.end))


def _detail(failure: StatementFailed) -> str | None:
    parts = [failure.detail, f"context: {failure.where}" if failure.where else None]
    return "\n".join(part for part in parts if part) or None


def _hint(step: Step, ready: Ready, failure: StatementFailed, run: Run) -> str | None:
    remedy = _remedy(step, ready, failure, run)
    return "\n".join(filter(None, (failure.hint, remedy))) or None


def _remedy(step: Step, ready: Ready, failure: StatementFailed, run: Run) -> str | None:
    if failure.sqlstate == "55P04" and run.settings.single_transaction:
        return (
            "leave `--single-transaction` out, or apply the migration that adds the"
            " value in a run before this one"
        )
    if failure.sqlstate == "55P04" and ready.script is not None:
        added = [k.enum_value_added for k in ready.script.kinds if k.enum_value_added]
        labels = [
            each.label for each in added if each.label.strip("'") in failure.message
        ]
        label = labels[0] if labels else "the new value"
        return f"put the statements that use {label} into the next migration"
    if failure.sqlstate == "25006":
        return (
            f"the transaction of {step.version} is read-only: take READ ONLY out of the"
            " script"
        )
    if failure.sqlstate == "3F000":
        return "the role's `search_path` is empty; write names with their schema"
    return None


def lock_not_acquired(  # noqa: PLR0913, PLR0917 - the fields of the error
    step: Step,
    ready: Ready,
    error: MigrationFailed,
    tries: int,
    blockers: tuple[Blocker, ...],
    left: str = "the migration was rolled back",
) -> TableLockNotAcquired:
    """All tries are used up."""
    final = TableLockNotAcquired(
        tries=tries,
        lock_timeout=ready.limits.lock_timeout,
        blockers=blockers,
        version=step.version,
        file=error.file,
        line=error.line,
        column=error.column,
        sqlstate=error.sqlstate,
        statement=error.statement,
        left=left,
    )
    final.__cause__ = error.__cause__
    return final


def block_limit_reached(
    step: Step,
    ready: Ready,
    verdict: Verdict,
    statement: Statement | None,
    *,
    left: str = "the statement was cancelled and the migration rolled back",
) -> BlockLimitReached:
    """The keeper ended the statement for the sake of others."""
    line = column = None
    if statement is not None:
        row, column = line_column(ready.filled.text, statement.start)
        line = ready.part.line + row - 1
    return BlockLimitReached(
        block_limit=ready.block_limit,
        blocked=verdict.blocked,
        version=step.version,
        file=ready.part.file,
        line=line,
        column=column,
        statement=shown_statement(ready, statement),
        advice=_advice(ready, verdict, statement),
        left=left,
    )


_SAFER = (
    (
        ("CREATE", "INDEX"),
        "build it with CREATE INDEX CONCURRENTLY, in a file of its own",
    ),
    (
        ("CREATE", "UNIQUE", "INDEX"),
        "build it with CREATE UNIQUE INDEX CONCURRENTLY, in a file of its own",
    ),
    (
        ("ALTER", "TABLE"),
        (
            "add constraints as NOT VALID and VALIDATE them in a later migration; change"
            " a type by a new column, filled in batches; set a default before filling"
        ),
    ),
    (("UPDATE",), "update in batches of a few thousand rows, one commit each"),
    (("DELETE",), "delete in batches of a few thousand rows, one commit each"),
    (("REFRESH",), "REFRESH MATERIALIZED VIEW CONCURRENTLY, with a unique index"),
    (("VACUUM",), "VACUUM without FULL"),
    (("REINDEX",), "REINDEX … CONCURRENTLY"),
)


def _advice(ready: Ready, verdict: Verdict, statement: Statement | None) -> str | None:
    """The safer way to write what held others up, as far as it can be told."""
    if ready.script is None:
        return None
    words = {name for each in verdict.blocked for name in _names(each.lock)}
    fitting = []
    for known, kind in zip(ready.script.statements, ready.script.kinds, strict=True):
        if statement is not None and known != statement:
            continue
        for start, advice in _SAFER:
            if kind.words[: len(start)] == start:
                text = known.text.lower()
                fitting.append((not any(word in text for word in words), advice))
                break
    # Where the statement is not known: the first that names what was waited for.
    return min(fitting, key=lambda each: each[0], default=(True, None))[1]


def _names(lock: str | None) -> list[str]:
    """The last name of the relation in ``… on public.users against our …``."""
    _, found, relation = (lock or "").partition(" on ")
    relation = relation.partition(" against ")[0]
    return [relation.rpartition(".")[2].strip('"').lower()] if found else []
