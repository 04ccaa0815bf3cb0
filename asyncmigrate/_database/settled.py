"""The one question of a start with nothing to do: which files stand applied?

Small, since it is what most starts ask: three columns, where the whole history has
nineteen. Shared with the command's fast look, which speaks to the server without a
driver; so nothing is imported here. Whoever gets no answer looks at all of it.
"""

from asyncmigrate._sql.quoting import quote_ident, quote_literal

TYPE_CHECKING = False
if TYPE_CHECKING:  # the constant itself, since importing typing costs 16 ms
    from collections.abc import Iterable, Sequence

LAYOUT = 1
"""The layout that this release writes. Within a layout columns are only added."""

TABLES = (
    "meta",
    "schema_migrations",
    "migration_scripts",
    "migration_locks",
    "migration_events",
)
"""The tracking tables."""

OURS = """
SELECT 1 OPERATOR(pg_catalog./) (NOT EXISTS (
  SELECT FROM pg_catalog.pg_class AS c
  WHERE c.relnamespace OPERATOR(pg_catalog.=)
          pg_catalog.to_regnamespace({quoted_schema})::pg_catalog.oid
    AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[{tables}]::pg_catalog.name[])
    AND pg_catalog.pg_get_userbyid(c.relowner) OPERATOR(pg_catalog.<>) current_user
))::pg_catalog.int4
"""
"""Division by zero unless every tracking table is the current user's own. Reading what
is somebody else's may run their code: a view made its maker superuser (measured)."""

SETTLED = """
SELECT file,
       CASE WHEN rolled_back_at IS NULL
             AND state OPERATOR(pg_catalog.=) 'applied'::pg_catalog.text
             AND direction OPERATOR(pg_catalog.=) 'up'::pg_catalog.text
             AND origin OPERATOR(pg_catalog.<>) 'adopt'::pg_catalog.text
            THEN file_sha256 END,
       CASE WHEN kind OPERATOR(pg_catalog.=) 'repeatable'::pg_catalog.text
            THEN id::pg_catalog.text
            ELSE pg_catalog.left(version_key, pg_catalog.strpos(version_key, ':')) END
FROM {schema}.schema_migrations
WHERE namespace OPERATOR(pg_catalog.=) {namespace}::pg_catalog.text
  AND (rolled_back_at IS NULL
       OR kind OPERATOR(pg_catalog.=) 'repeatable'::pg_catalog.text)
  AND (SELECT min_reader FROM {schema}.meta) OPERATOR(pg_catalog.<=) {layout}
  AND NOT (SELECT pg_catalog.row_security_active({relation}::pg_catalog.text))
"""
"""The third column is a repeatable's place among its rows; of any other what its key
begins with, since the same file has another key in another layout.

No row where the history is not to be read: then the whole look says why. What was
adopted may have grown since in the other tool's table, which is not asked here. Not
sorted: the first sort of a session takes as long as a tenth of connecting."""


def filled(sql: str, tracking_schema: str, namespace: str) -> str:
    """`OURS` or `SETTLED` for one namespace."""
    schema = quote_ident(tracking_schema)
    return (
        sql.replace("{quoted_schema}", quote_literal(schema))
        .replace("{tables}", ", ".join(map(quote_literal, TABLES)))
        .replace("{relation}", quote_literal(f"{schema}.schema_migrations"))
        .replace("{layout}", str(LAYOUT))
        .replace("{schema}", schema)
        .replace("{namespace}", quote_literal(namespace))
    )


def digests_of(
    rows: "Iterable[Sequence[str | None]]", keys: "Sequence[str]"
) -> "dict[str | None, str | None] | None":
    """File to digest, from the rows of `SETTLED`; null when two rows name one file.

    Of a repeatable the newest row counts. A row that does not plainly stand applied, or
    whose key begins with none of *keys*, has no digest, and so is like no file.
    """
    found: dict[str | None, str | None] = {}
    newest: dict[str | None, int] = {}
    for file, digest, mark in rows:
        if not (mark or "").isdigit():
            if file in found:
                return None
            found[file] = digest if mark in keys else None
        elif (number := int(mark or 0)) > newest.get(file, 0):
            newest[file] = number
            found[file] = digest
    return found
