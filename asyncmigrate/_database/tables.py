"""The tracking schema: how it is laid out, made, and found safe to write to.

Made and upgraded only under a transaction-level advisory lock of its own, with plain
CREATE: ``IF NOT EXISTS`` raced in 22 of 80 first runs (measured). Other types than
text, integers, booleans, timestamps and uuid cost asyncpg eight extra round trips.
"""

from typing import Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._database.settled import LAYOUT, OURS, TABLES, filled
from asyncmigrate._sql.quoting import quote_ident, quote_literal

MIN_READER: Final = 1
"""The oldest layout whose readers understand this one."""

LOCK_SCHEMA_AND_ASK: Final[LiteralString] = """
SELECT pg_catalog.pg_advisory_xact_lock({schema_key})
"""

CREATE_SCHEMA: Final[LiteralString] = "CREATE SCHEMA {schema};"

CREATE_LAYOUT_1: Final[LiteralString] = """
CREATE TABLE {schema}.meta (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  layout integer NOT NULL,
  min_reader integer NOT NULL,
  created_by_version text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE {schema}.schema_migrations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace text NOT NULL DEFAULT 'default',
  kind text NOT NULL CHECK (kind IN ('versioned', 'repeatable')),
  version text NOT NULL,
  version_key text NOT NULL,
  name text NOT NULL,
  file text NOT NULL,
  file_sha256 text,
  checksum text,
  token_checksum text,
  down_checksum text,
  direction text NOT NULL DEFAULT 'up' CHECK (direction IN ('up', 'down')),
  state text NOT NULL CHECK (state IN ('running', 'applied', 'failed')),
  statements_done integer NOT NULL DEFAULT 0,
  statements_total integer NOT NULL DEFAULT 0,
  before_image text,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_at timestamptz,
  execution_time_ms bigint,
  applied_by text NOT NULL DEFAULT session_user,
  origin text NOT NULL CHECK (origin IN ('run', 'baseline', 'adopt', 'mark')),
  run_id uuid NOT NULL,
  release text,
  tool_version text NOT NULL,
  fencing_token bigint NOT NULL,
  error text,
  rolled_back_at timestamptz,
  rolled_back_by text
);
CREATE UNIQUE INDEX schema_migrations_standing ON {schema}.schema_migrations
  (namespace, version_key) WHERE kind = 'versioned' AND rolled_back_at IS NULL;
CREATE TABLE {schema}.migration_scripts (
  namespace text NOT NULL DEFAULT 'default',
  checksum text NOT NULL,
  script text NOT NULL,
  PRIMARY KEY (namespace, checksum)
);
CREATE TABLE {schema}.migration_locks (
  namespace text PRIMARY KEY DEFAULT 'default',
  locked_by text,
  run_id uuid,
  locked_at timestamptz,
  beat bigint,
  heartbeat_at timestamptz,
  expires_at timestamptz,
  backend_pid integer,
  backend_start timestamptz,
  fencing_token bigint NOT NULL DEFAULT 0,
  current_version text,
  progress text
);
CREATE TABLE {schema}.migration_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace text NOT NULL DEFAULT 'default',
  at timestamptz NOT NULL DEFAULT now(),
  run_id uuid,
  event text NOT NULL,
  version text,
  actor text NOT NULL DEFAULT session_user,
  detail text
);
"""

EXISTING: Final[LiteralString] = """
SELECT c.relname
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE n.nspname OPERATOR(pg_catalog.=) {schema_literal}::pg_catalog.name
"""
"""What the catalogue shows of the tracking schema; it hides nothing from any role."""

CODE_OF_OTHERS: Final[LiteralString] = """
SELECT pg_catalog.concat(c.relname, ' of ', pg_catalog.pg_get_userbyid(c.relowner))
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace OPERATOR(pg_catalog.=)
        pg_catalog.to_regnamespace({quoted_schema})::pg_catalog.oid
  AND c.relname OPERATOR(pg_catalog.=) ANY (ARRAY[{tables}]::pg_catalog.name[])
  AND (c.relkind OPERATOR(pg_catalog.<>) 'r'::pg_catalog."char" OR EXISTS (
    SELECT FROM pg_catalog.pg_depend AS code
    WHERE code.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[
        'pg_catalog.pg_proc'::pg_catalog.regclass,
        'pg_catalog.pg_operator'::pg_catalog.regclass,
        'pg_catalog.pg_type'::pg_catalog.regclass]::pg_catalog.oid[])
      AND (code.classid, code.objid) OPERATOR(pg_catalog.=) ANY (
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid
        UNION ALL
        SELECT part.classid, part.objid FROM pg_catalog.pg_depend AS part
        WHERE part.refclassid OPERATOR(pg_catalog.=)
                'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
          AND part.refobjid OPERATOR(pg_catalog.=) c.oid
          AND part.deptype OPERATOR(pg_catalog.=)
                ANY (ARRAY['a', 'i']::pg_catalog."char"[]))))
ORDER BY 1
"""
"""The tracking tables that somebody's functions, operators or types hang on, by way of
a view, an index, a constraint, a policy or a column: the planner alone runs some."""

TRUSTED: Final[LiteralString] = """
WITH RECURSIVE mine (role) AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user
  UNION
  SELECT m.roleid FROM pg_catalog.pg_auth_members AS m JOIN mine ON m.member = mine.role
),
trusted (role) AS (
  SELECT role FROM mine
  UNION
  SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper
),
space AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
  WHERE nspname = {schema_literal}
),
relations AS (
  SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl,
         c.relrowsecurity OR c.relforcerowsecurity AS secured
  FROM pg_catalog.pg_class AS c JOIN space ON space.oid = c.relnamespace
  WHERE c.relname = ANY (ARRAY[{tables}]::pg_catalog.name[])
)
"""
"""Roles that may do with the tracking tables what they like, and what there is."""

UNSAFE: Final[LiteralString] = (
    TRUSTED
    + """
SELECT 'the schema belongs to ' || pg_get_userbyid(nspowner)
FROM space WHERE nspowner NOT IN (SELECT role FROM trusted)
UNION ALL
SELECT relname || ' belongs to ' || pg_get_userbyid(relowner)
FROM relations WHERE relowner NOT IN (SELECT role FROM trusted)
UNION ALL
SELECT relname || ' is no ordinary table' FROM relations WHERE relkind <> 'r'
UNION ALL
SELECT relname || ' has row security' FROM relations WHERE secured
UNION ALL
SELECT r.relname || ' has the trigger ' || t.tgname
FROM relations AS r JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid
WHERE NOT t.tgisinternal
UNION ALL
SELECT r.relname || ' has the rule ' || w.rulename
FROM relations AS r JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid
WHERE r.relkind = 'r'
UNION ALL
SELECT DISTINCT r.relname || ' may be written by '
       || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END
FROM relations AS r, pg_catalog.aclexplode(r.relacl) AS a
WHERE a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
  AND a.grantee <> r.relowner
  AND a.grantee NOT IN (SELECT role FROM trusted)
UNION ALL
SELECT DISTINCT r.relname || ' has columns that may be written by '
       || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END
FROM relations AS r
JOIN pg_catalog.pg_attribute AS c ON c.attrelid = r.oid,
     pg_catalog.aclexplode(c.attacl) AS a
WHERE a.privilege_type IN ('INSERT', 'UPDATE')
  AND a.grantee NOT IN (SELECT role FROM trusted)
UNION ALL
SELECT DISTINCT 'the schema may be added to by '
       || CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END
FROM space AS s, pg_catalog.aclexplode(s.nspacl) AS a
WHERE a.privilege_type = 'CREATE'
  AND a.grantee <> s.nspowner
  AND a.grantee NOT IN (SELECT role FROM trusted)
"""
)
"""Everything by which somebody else could run code as us, or forge the history."""


GRANTED: Final[LiteralString] = (
    TRUSTED
    + """
SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC'
                ELSE quote_ident(pg_get_userbyid(a.grantee)) END
FROM (SELECT relacl, relowner FROM relations
      UNION ALL SELECT nspacl, nspowner FROM space) AS made (acl, owner),
     aclexplode(made.acl) AS a
WHERE a.grantee <> made.owner AND a.grantee NOT IN (SELECT role FROM trusted)
"""
)
"""To whom default privileges, or `readers`, have granted anything."""

REVOKE: Final[LiteralString] = """
REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER
  ON ALL TABLES IN SCHEMA {schema} FROM {role};
REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};
REVOKE CREATE ON SCHEMA {schema} FROM {role};
"""


def _filled(session: Session, sql: str) -> str:
    names = session.names
    sql = sql.replace("{schema_key}", names.schema_key)
    sql = sql.replace("{schema_literal}", quote_literal(names.tracking_schema))
    return filled(sql, names.tracking_schema, names.namespace_text)


async def existing_tables(session: Session) -> set[str]:
    """The names of the tracking tables that the catalogue shows. One round trip."""
    rows = await session.ask(_filled(session, EXISTING))
    return {row[0] for row in rows if row[0] in TABLES}


def only_ours(session: Session) -> str:
    """What must hold before the tracking tables are read; empty once it is known."""
    return "" if session.knows_tables else _filled(session, OURS)


async def code_of_others(session: Session) -> list[str]:
    """The tracking tables whose reading runs somebody's code. One round trip."""
    rows = await session.ask(_filled(session, CODE_OF_OTHERS))
    return [row[0] or "" for row in rows]


async def unsafe_points(session: Session) -> list[str]:
    """Why the tracking schema must not be written to; empty when it may."""
    rows = await session.ask(_filled(session, UNSAFE))
    return sorted(row[0] or "" for row in rows)


async def lock_layout(session: Session, limit: float) -> None:
    """Open a transaction that alone may make or upgrade the tracking schema.

    The server ends it when nothing is asked for *limit* seconds: there is no lease yet
    by which others could judge a runner that stands still.
    """
    await session.execute(
        f"BEGIN;SET LOCAL idle_in_transaction_session_timeout = '{limit * 1000:.0f}ms';"
        + _filled(session, LOCK_SCHEMA_AND_ASK)
    )


SCHEMA_EXISTS: Final[LiteralString] = """
SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {schema_literal}
"""


async def schema_exists(session: Session) -> bool:
    """Whether there is a schema of that name. One round trip."""
    return bool(await session.ask(_filled(session, SCHEMA_EXISTS)))


async def create_layout(
    session: Session,
    tool_version: str,
    readers: tuple[str, ...],
    *,
    with_schema: bool,
) -> None:
    """Make the tracking schema inside the transaction of `lock_layout`.

    Default privileges give nobody else the right to write. Three round trips.
    """
    grants = [
        f"GRANT USAGE ON SCHEMA {{schema}} TO {role};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {{schema}} TO {role};"
        for role in map(quote_ident, readers)
    ]
    meta = (
        "INSERT INTO {schema}.meta (layout, min_reader, created_by_version) VALUES"
        f" ({LAYOUT}, {MIN_READER}, {quote_literal(tool_version)});"
    )
    schema = CREATE_SCHEMA if with_schema else ""
    await session.execute(
        session.fill(schema + CREATE_LAYOUT_1 + meta + "".join(grants))
    )
    granted = [row[0] or "" for row in await session.ask(_filled(session, GRANTED))]
    revokes = [session.fill(REVOKE.replace("{role}", role)) for role in granted]
    await session.execute("".join(revokes) + "COMMIT")
