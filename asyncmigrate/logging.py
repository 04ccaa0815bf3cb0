"""Readers of the event stream that log: to a `logging.Logger`, or as JSON lines.

::

    await migrate(dsn, on_event=LoggerReader(logging.getLogger("app.migrations")))
"""

from asyncmigrate._readers.logs import JsonLines, LoggerReader

__all__ = ["JsonLines", "LoggerReader"]
