# ruff: noqa: S608 - these texts are written here, from words that stand here
"""A platform's accounts and files, guarded row by row: timestamps, schemas, policies.

It begins with what pg_dump wrote of an older life: its SETs, an empty search_path and
rows after COPY. What follows qualifies its names only sometimes, and so fails when the
first file's settings stay in the session.
"""

from tests.sets.writing import Sections, Texts, flip, timestamps

DUMP = """
--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: legacy; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA legacy;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE FUNCTION public.shout(words text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
BEGIN
  RETURN upper($1) || '; -- DOWN';
END
$_$;

CREATE TABLE legacy.people (
    id integer NOT NULL,
    email character varying(255) NOT NULL,
    motto text
);

CREATE SEQUENCE legacy.people_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE legacy.people_id_seq OWNED BY legacy.people.id;

CREATE VIEW public.mottos AS
 SELECT people.id,
    public.shout(people.motto) AS motto
   FROM legacy.people;

ALTER TABLE ONLY legacy.people ALTER COLUMN id
    SET DEFAULT nextval('legacy.people_id_seq'::regclass);

COPY legacy.people (id, email, motto) FROM stdin;
1\tada@example.org\tone; two -- three
2\tgrace@example.org\t\\N
3\tedsger@example.org\tit's $$ all $x$ /* in the
4\tbarbara@example.org\t-- DOWN
5\ttony@example.org\ta \\\\. is no end, nor is \\t a tab
\\.

SELECT pg_catalog.setval('legacy.people_id_seq', 5, true);

ALTER TABLE ONLY legacy.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);

CREATE UNIQUE INDEX people_email ON legacy.people USING btree (lower((email)::text));

--
-- PostgreSQL database dump complete
--
"""

TABLES = {
    "auth.users": "email text UNIQUE, phone text, raw_meta jsonb NOT NULL DEFAULT '{}'",
    "auth.identities": "user_id uuid NOT NULL REFERENCES auth.users, provider text",
    "auth.sessions": "user_id uuid NOT NULL REFERENCES auth.users, not_after timestamptz",
    "auth.refresh_tokens": "session_id uuid REFERENCES auth.sessions, token text UNIQUE",
    "auth.mfa_factors": "user_id uuid NOT NULL REFERENCES auth.users, secret bytea",
    "auth.audit_log": "payload json, ip_address varchar(64) NOT NULL DEFAULT ''",
    "auth.one_time_tokens": "user_id uuid NOT NULL REFERENCES auth.users, hash text",
    "storage.buckets": "name text NOT NULL UNIQUE, public boolean NOT NULL DEFAULT false",
    "storage.objects": """bucket_id uuid NOT NULL REFERENCES storage.buckets,
    name text NOT NULL, metadata jsonb, UNIQUE (bucket_id, name)""",
    "storage.uploads": "object_id uuid REFERENCES storage.objects, part integer",
    "realtime.channels": "topic text NOT NULL, private boolean NOT NULL DEFAULT true",
    "realtime.messages": "channel_id uuid REFERENCES realtime.channels, body jsonb",
    "profiles": "user_id uuid NOT NULL UNIQUE REFERENCES auth.users, handle text",
    "teams": "name text NOT NULL",
    "team_members": "team_id uuid REFERENCES teams, user_id uuid REFERENCES auth.users",
    "posts": "author_id uuid NOT NULL REFERENCES profiles, body text NOT NULL",
}
"""Of most the owner is found by `user_id`; the others are everybody's to read."""


def migrations() -> Texts:
    """All of the set's files."""
    files = Sections(timestamps())
    files.add(
        "remote_schema",
        DUMP,
        "DROP VIEW public.mottos;\nDROP FUNCTION public.shout(text);\n"
        "DROP TABLE legacy.people;\nDROP SCHEMA legacy;",
    )
    for schema in ("auth", "storage", "realtime", '"Private Things"'):
        files.add(
            f"create_schema_{schema.strip(chr(34)).lower().replace(' ', '_')}",
            f"CREATE SCHEMA IF NOT EXISTS {schema};\n"
            f"GRANT USAGE ON SCHEMA {schema} TO pg_monitor;",
            f"DROP SCHEMA {schema};",
        )
    _foundations(files)
    for table, columns in TABLES.items():
        _table(files, table, columns)
    for table in TABLES:
        _guard(files, table)
    for number, table in enumerate(TABLES):
        _touch(files, table, constraint=number % 4 == 0)
    for table in TABLES:
        _view(files, table)
    for table in TABLES:
        _search(files, table)
    for table in TABLES:
        _latest(files, table)
    _last(files)
    return files.texts


def _short(table: str) -> str:
    return table.replace(".", "_")


def _foundations(files: Sections) -> None:
    files.add(
        "auth_uid",
        """
        create or replace function auth.uid() returns uuid language sql stable as $$
          select nullif(current_setting('request.jwt.sub', true), '')::uuid;
        $$;
        comment on function auth.uid() is $c$Who asks: the token's "sub"; else null$c$;
        """,
        "drop function auth.uid();",
    )
    files.add(
        "new_id",
        """
        CREATE FUNCTION public.new_id() RETURNS uuid LANGUAGE plpgsql AS $function$
        DECLARE
            digest text := md5(random()::text || clock_timestamp()::text);
        BEGIN
            IF digest IS NULL THEN
                RAISE EXCEPTION 'no id; why?' USING HINT = 'ask -- somebody';
            END IF;
            RETURN digest::uuid;
        END;
        $function$;
        """,
        "DROP FUNCTION public.new_id();",
    )
    files.add(
        "touch",
        """
        CREATE FUNCTION "Private Things"."Touch It"() RETURNS trigger AS '
        BEGIN
            NEW.updated_at := now(); -- it''s time
            RETURN NEW;
        END' LANGUAGE plpgsql SECURITY DEFINER SET search_path = '';
        """,
        'DROP FUNCTION "Private Things"."Touch It"();',
    )
    files.add(
        "levels",
        """
        CREATE TYPE auth.level AS ENUM ('aal1', 'aal2');
        CREATE DOMAIN public.handle AS text CHECK (VALUE ~ '^[a-z][a-z0-9_]*$');
        DO $$ BEGIN
            CREATE TYPE auth.level AS ENUM ('other');
        EXCEPTION WHEN duplicate_object THEN
            NULL;
        END $$;
        """,
        "DROP DOMAIN public.handle;\nDROP TYPE auth.level;",
    )
    files.add(
        "default_rights",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA realtime GRANT SELECT ON TABLES TO pg_monitor;",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA realtime"
        " REVOKE SELECT ON TABLES FROM pg_monitor;",
    )


def _table(files: Sections, table: str, columns: str) -> None:
    files.add(
        f"create_{_short(table)}",
        f"""
        create table if not exists {table} (
          id uuid not null default public.new_id() primary key,
          {columns},
          created_at timestamptz not null default timezone('utc', now()),
          updated_at timestamptz
        );
        comment on table {table} is 'The {table}; see "auth" -- and /* so on */';
        """,
        f"drop table {table};",
    )


def _guard(files: Sections, table: str) -> None:
    short = _short(table)
    own = "user_id = auth.uid()" if "user_id" in TABLES[table] else "true"
    files.add(
        f"guard_{short}",
        f"""
        alter table {table} enable row level security;
        create policy "{short}: own rows" on {table}
          for select to public using ( {own} );
        create policy "{short}: own; to change" on {table} as restrictive
          for update to pg_monitor using ({own}) with check (auth.uid() is not null);
        grant select, insert (created_at), update on {table} to pg_monitor;
        revoke all on {table} from public;
        """,
        f"""
        revoke all on {table} from pg_monitor;
        drop policy "{short}: own; to change" on {table};
        drop policy "{short}: own rows" on {table};
        alter table {table} disable row level security;
        """,
    )


def _touch(files: Sections, table: str, *, constraint: bool) -> None:
    short = _short(table)
    up = f"""CREATE TRIGGER {short}_touch BEFORE UPDATE OF created_at ON {table}
    FOR EACH ROW EXECUTE FUNCTION "Private Things"."Touch It"();"""
    down = f"DROP TRIGGER {short}_touch ON {table};"
    if constraint:
        up += f"""
CREATE FUNCTION {table}_watch() RETURNS trigger LANGUAGE plpgsql AS $watch$
BEGIN
    EXECUTE format($q$SELECT %L; -- $$ not an end $$$q$, TG_OP);
    RETURN NULL;
END
$watch$;
CREATE CONSTRAINT TRIGGER {short}_watch AFTER INSERT ON {table}
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE PROCEDURE {table}_watch();
INSERT INTO {table} SELECT * FROM {table} WHERE false;"""
        down = f"DROP TRIGGER {short}_watch ON {table};\nDROP FUNCTION {table}_watch();\n{down}"
    files.add(f"touch_{short}", up, down)


def _view(files: Sections, table: str) -> None:
    short = _short(table)
    files.add(
        f"view_{short}",
        f"""
        CREATE OR REPLACE VIEW "Private Things"."{short} of today"
        WITH (security_barrier = true) AS
        SELECT id, created_at, to_jsonb(each) - 'id' AS "the rest"
        FROM {table} AS each WHERE created_at >= current_date;
        GRANT SELECT ON "Private Things"."{short} of today" TO pg_monitor;
        """,
        f'DROP VIEW "Private Things"."{short} of today";',
    )


def _search(files: Sections, table: str) -> None:
    short = _short(table)
    ups = f"""CREATE INDEX {short}_created ON {table} (created_at DESC NULLS LAST);
CREATE INDEX {short}_text ON {table} USING gin (to_tsvector('simple', id::text));
CREATE STATISTICS {short}_both ON created_at, updated_at FROM {table};"""
    where = f"{table.rpartition('.')[0]}." if "." in table else ""
    downs = f"""DROP INDEX {where}{short}_created;
DROP INDEX {where}{short}_text;
DROP STATISTICS {short}_both;"""
    files.add(f"search_{short}", ups, flip(downs))


def _latest(files: Sections, table: str) -> None:
    short = _short(table)
    files.add(
        f"latest_{short}",
        f"""
        CREATE OR REPLACE FUNCTION public.latest_{short}(n integer DEFAULT 10)
        RETURNS SETOF {table} LANGUAGE sql STABLE ROWS 10
        AS $body$SELECT * FROM {table} ORDER BY created_at LIMIT n$body$;
        REVOKE EXECUTE ON FUNCTION latest_{short}(integer) FROM PUBLIC;
        """,
        f"DROP FUNCTION latest_{short}(integer);",
    )


def _last(files: Sections) -> None:
    files.add(
        "carry_over_people",
        """
        INSERT INTO auth.users (email, raw_meta)
        SELECT email, jsonb_build_object('motto', motto) FROM legacy.people;
        INSERT INTO profiles (user_id, handle)
        SELECT id, split_part(email, '@', 1)::handle FROM auth.users;
        """,
        "DELETE FROM profiles;\nDELETE FROM auth.users;",
    )
    files.add(
        "second_factor_level",
        "ALTER TYPE auth.level ADD VALUE 'aal3';\n"
        "ALTER TABLE auth.sessions ADD COLUMN aal auth.level DEFAULT 'aal1';",
        """
        ALTER TABLE auth.sessions DROP COLUMN aal;
        ALTER TYPE auth.level RENAME TO level_with_three;
        CREATE TYPE auth.level AS ENUM ('aal1', 'aal2');
        DROP TYPE auth.level_with_three;
        """,
    )
