"""What the history is told: the last statement of a migration's own transaction."""

from asyncmigrate._database import history
from asyncmigrate._database.session import SEARCH_PATH, Session
from asyncmigrate._engine.context import Run
from asyncmigrate._layouts.directives import stored_down
from asyncmigrate._migration import Definition, Direction, State
from asyncmigrate._plan import Apply, Step
from asyncmigrate._settings import StoreScripts

LARGEST_UP = 1 << 20
"""Characters above which only the DOWN is kept."""


def record_sql(step: Step, session: Session, run: Run) -> str:
    """The row of a migration that is done, and its texts."""
    if isinstance(step, Apply):
        rows = [history.insert_row(session, step.file, step.definition, run.mark)]
        if step.row is not None:
            rows.insert(0, history.supersede_row(session, step.row.id))
        return ";".join(rows + script_sql(step.definition, session, run))
    return history.roll_back_row(session, step.row.id)


def script_sql(definition: Definition, session: Session, run: Run) -> list[str]:
    """The statements that keep the texts of a migration, as far as they are kept."""
    keep = run.settings.store_scripts
    if definition.up.python or keep is StoreScripts.NONE:
        return []
    sql = []
    if keep is StoreScripts.ALL and len(definition.up.text) <= LARGEST_UP:
        sql.append(
            history.store_script(session, definition.checksum, definition.up.text)
        )
    down = stored_down(definition)
    if down is not None and definition.down_checksum is not None:
        sql.append(history.store_script(session, definition.down_checksum, down))
    return sql


async def record_escape(step: Step, session: Session, run: Run) -> None:
    """Say that a migration stands half done, since its script escaped."""
    error = "the script ended its transaction"
    if isinstance(step, Apply):
        row = history.insert_row(
            session,
            step.file,
            step.definition,
            run.mark,
            state=State.FAILED,
            direction=Direction.UP,
        )
        sql = [row, *script_sql(step.definition, session, run)]
    else:
        sql = [
            history.set_columns(
                session,
                step.row.id,
                {"state": State.FAILED, "direction": Direction.DOWN, "error": error},
            )
        ]
    sql.append(
        history.insert_event(session, run.run_id, "escaped", step.version, error)
    )
    await session.execute(f"{SEARCH_PATH};{';'.join(sql)}")
