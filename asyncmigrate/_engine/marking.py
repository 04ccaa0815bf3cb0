"""Writing to the history without running anything: marks, and refreshed rows."""

from asyncmigrate._database import history
from asyncmigrate._database.session import Session
from asyncmigrate._database.transaction import write_locked
from asyncmigrate._engine.context import Run
from asyncmigrate._engine.record import script_sql
from asyncmigrate._plan import Plan, Refresh, Write
from asyncmigrate.events import Recorded


async def write_marks(plan: Plan, session: Session, run: Run) -> None:
    """Everything at once, in one transaction, events included."""
    sql: list[str] = []
    for write in plan.writes:
        sql += _write_sql(write, session, run)
    for refresh in plan.refresh:
        sql += _refresh_sql(refresh, session, run)
    if not sql:
        return
    await write_locked(session, sql)
    for write in plan.writes:
        if not write.tells_only:
            run.written.append(write.detail)
        if write.event is not None:
            run.emit(
                Recorded(event=write.event, version=write.version, detail=write.detail)
            )


def _write_sql(write: Write, session: Session, run: Run) -> list[str]:
    sql = []
    if write.insert is not None:
        sql.append(
            history.insert_row(
                session,
                write.insert,
                write.definition,
                run.mark,
                origin=write.origin,
                elsewhere=write.elsewhere,
            )
        )
    if write.row is not None and write.columns is not None:
        sql.append(history.set_columns(session, write.row.id, write.columns))
    elif write.row is not None:
        sql.append(history.supersede_row(session, write.row.id))
    if write.definition is not None:
        sql += script_sql(write.definition, session, run)
    if write.event is not None:
        sql.append(
            history.insert_event(
                session, run.run_id, write.event, write.version, write.detail
            )
        )
    return sql


def _refresh_sql(refresh: Refresh, session: Session, run: Run) -> list[str]:
    file, definition = refresh.file, refresh.definition
    columns: dict[str, str | int | None] = {
        "file": file.file,
        "file_sha256": file.file_sha256,
    }
    sql = []
    if definition is not None:
        columns["down_checksum"] = definition.down_checksum
        columns["name"] = file.name
        if refresh.row.checksum is None:
            columns["checksum"] = definition.checksum
            columns["token_checksum"] = definition.token_checksum
        sql = script_sql(definition, session, run)
    return [history.set_columns(session, refresh.row.id, columns), *sql]
