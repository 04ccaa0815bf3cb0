"""What the catalogue snapshot sees, and what it passes over on purpose."""

from collections.abc import AsyncGenerator

import pytest

from asyncmigrate._database import server
from asyncmigrate._database.address import read_address
from asyncmigrate._database.connect import open_session
from asyncmigrate._database.session import Names, Session
from asyncmigrate._database.snapshot import snapshot
from tests.kit.databases import Database

SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('good', 'bad');
CREATE DOMAIN app.size AS int CHECK (VALUE > 0);
CREATE TYPE app.pair AS (one int, other text);
CREATE TABLE app.t (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text DEFAULT 'x', note varchar(10), size app.size, UNIQUE (name)
);
CREATE TABLE app.u (t bigint REFERENCES app.t);
CREATE INDEX i ON app.t (note);
CREATE VIEW app.v AS SELECT id FROM app.t;
CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS one;
CREATE SEQUENCE app.s;
CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER g BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.g();
CREATE POLICY p ON app.t USING (id > 0);
CREATE RULE r AS ON DELETE TO app.u DO INSTEAD NOTHING;
CREATE TABLE app.parts (id int) PARTITION BY RANGE (id);
"""
SEEN = {
    "schema": "CREATE SCHEMA other",
    "table": "CREATE TABLE app.w ()",
    "unlogged table": "ALTER TABLE app.u SET UNLOGGED",
    "storage parameter": "ALTER TABLE app.t SET (fillfactor = 50)",
    "partition": "CREATE TABLE app.part PARTITION OF app.parts DEFAULT",
    "column": "ALTER TABLE app.t DROP COLUMN note",
    "type of a column": "ALTER TABLE app.t ALTER note TYPE varchar(11)",
    "not null": "ALTER TABLE app.t ALTER note SET NOT NULL",
    "default": "ALTER TABLE app.t ALTER name SET DEFAULT 'y'",
    "identity": "ALTER TABLE app.t ALTER id DROP IDENTITY",
    "constraint": "ALTER TABLE app.t ADD CHECK (size > 1)",
    "validity": "ALTER TABLE app.t ADD CHECK (size > 1) NOT VALID",
    "foreign key": "ALTER TABLE app.u DROP CONSTRAINT u_t_fkey",
    "index": "DROP INDEX app.i",
    "index, clustered": "ALTER TABLE app.t CLUSTER ON i",
    "view": "CREATE OR REPLACE VIEW app.v AS SELECT id + 0 AS id FROM app.t",
    "materialized view": "DROP MATERIALIZED VIEW app.m",
    "sequence": "ALTER SEQUENCE app.s INCREMENT 2",
    "function": "CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    "procedure": "CREATE PROCEDURE app.c() LANGUAGE sql AS 'SELECT 1'",
    "aggregate": "CREATE AGGREGATE app.a (int) (SFUNC = int4pl, STYPE = int)",
    "trigger": "DROP TRIGGER g ON app.t",
    "trigger, disabled": "ALTER TABLE app.t DISABLE TRIGGER g",
    "enum": "ALTER TYPE app.mood RENAME VALUE 'bad' TO 'worse'",
    "domain": "ALTER DOMAIN app.size SET DEFAULT 1",
    "composite type": "ALTER TYPE app.pair ADD ATTRIBUTE third int",
    "range": "CREATE TYPE app.r AS RANGE (SUBTYPE = float8)",
    "policy": "ALTER POLICY p ON app.t USING (id > 1)",
    "row security": "ALTER TABLE app.t ENABLE ROW LEVEL SECURITY",
    "rule": "DROP RULE r ON app.u",
    "statistics": "CREATE STATISTICS app.st ON id, size FROM app.t",
    "grant": "GRANT SELECT ON app.t TO PUBLIC",
    "grant on a column": "GRANT SELECT (name) ON app.t TO PUBLIC",
    "grant on a function": "REVOKE EXECUTE ON FUNCTION app.f() FROM PUBLIC",
    "grant on a schema": "GRANT USAGE ON SCHEMA app TO PUBLIC",
    "default grant": "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC",
    "owner": "ALTER TABLE app.t OWNER TO pg_monitor",
    "comment on a table": "COMMENT ON TABLE app.t IS 'c'",
    "comment on a column": "COMMENT ON COLUMN app.t.id IS 'c'",
    "comment on a function": "COMMENT ON FUNCTION app.f() IS 'c'",
    "comment on a constraint": "COMMENT ON CONSTRAINT t_pkey ON app.t IS 'c'",
    "comment on a schema": "COMMENT ON SCHEMA app IS 'c'",
    "event trigger": (
        "CREATE FUNCTION app.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION app.e()"
    ),
}
PASSED_OVER = {
    "rows": "INSERT INTO app.t (name) VALUES ('a')",
    "where a sequence stands": "SELECT nextval('app.s')",
    "statistics of rows": "ANALYZE app.t",
    "the order of columns": (
        "ALTER TABLE app.t DROP COLUMN note; ALTER TABLE app.t ADD note varchar(10);"
        "CREATE INDEX i ON app.t (note)"
    ),
    "ids of objects": "DROP VIEW app.v; CREATE VIEW app.v AS SELECT id FROM app.t",
    "a grant that was taken back": (
        "GRANT SELECT ON app.t TO PUBLIC; REVOKE SELECT ON app.t FROM PUBLIC"
    ),
    "temporary tables": "CREATE TEMPORARY TABLE t2 (a int)",
    "an ignored schema": "CREATE SCHEMA tracking CREATE TABLE t (a int PRIMARY KEY)",
}


@pytest.fixture
async def session(database: Database) -> AsyncGenerator[Session]:
    await database.execute(SCHEMA)
    names = Names("asyncmigrate", "default")
    session = await open_session(read_address(database.dsn, {}), names, None, "t")
    await server.settle(session)
    yield session
    await session.close()


async def after(session: Session, change: str) -> str:
    await session.execute(f"BEGIN; {change}")
    seen = await snapshot(session, ignored=["tracking"])
    await session.execute("ROLLBACK")
    return seen


async def test_every_change_of_the_schema_is_seen(session: Session) -> None:
    before = await snapshot(session)

    unseen = [what for what, sql in SEEN.items() if await after(session, sql) == before]

    assert unseen == []
    assert await snapshot(session) == before


async def test_what_is_no_change_of_the_schema_is_passed_over(session: Session) -> None:
    before = await snapshot(session)

    seen = [
        what for what, sql in PASSED_OVER.items() if await after(session, sql) != before
    ]

    assert seen == []
