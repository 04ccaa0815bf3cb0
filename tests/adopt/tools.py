"""The tables of other tools as the tools themselves make them, and rows in them.

The definitions are those of golang-migrate 4.19, goose 3.27, dbmate 2.36, Flyway 11,
sqlx 0.9, diesel 2.3, Prisma 7, sql-migrate 1.8, Supabase 3, graphile-migrate 1.4,
sqitch 1.5, Rails 8, Alembic 1.18, yoyo 9 and tern 2.4. Checksums are computed here
once more, from the tools' own descriptions.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import asyncpg

from asyncmigrate._layouts import LAYOUTS, read_directory
from asyncmigrate._layouts.layout import Source
from tests.layouts.formats import fixture_of

WHEN = "2024-05-06 07:08:09.123456"
"""When the other tool applied everything, in UTC."""


class File(NamedTuple):
    """A file of a tool's directory, as the tool sees it."""

    key: str
    name: str
    file: str
    content: bytes


class Tool(NamedTuple):
    """How a tool keeps its history."""

    name: str
    schema: str
    table: str
    create: str
    insert: Callable[[File], tuple[str, Sequence[object]]]
    key_of: Callable[[str, str], str]
    """From the version as its file writes it, and the path."""
    carries: frozenset[str] = frozenset()
    """Of ``applied_at``, ``applied_by`` and ``execution_time_ms``, what it tells."""
    verified: bool = False
    downs: bool = False
    head_only: bool = False

    @property
    def place(self) -> str:
        return f'"{self.schema}"."{self.table}"'

    @property
    def directory(self) -> Path:
        (layout,) = (each for each in LAYOUTS if each.name == self.name)
        return fixture_of(layout)

    def source(self) -> Source:
        return read_directory([str(self.directory)], format=self.name)

    def files(self, directory: Path | None = None) -> list[File]:
        """The versioned migrations of a directory, in their order."""
        directory = directory or self.directory
        source = read_directory([str(directory)], format=self.name)
        assert source.problems == ()
        return [
            File(
                key=self.key_of(each.label, each.file),
                name=each.name,
                file=each.file,
                content=(directory / each.file).read_bytes(),
            )
            for each in source.files
            if each.version
        ]

    async def fill(self, connection: asyncpg.Connection, files: Sequence[File]) -> None:
        """The table, and what the tool would have written by now."""
        await connection.execute(self.create)
        await self.add(connection, files)

    async def add(self, connection: asyncpg.Connection, files: Sequence[File]) -> None:
        for file in files:
            if self.head_only:
                await connection.execute(f"TRUNCATE {self.place}")
            statement, values = self.insert(file)
            await connection.execute("SET timezone = 'UTC'")
            await connection.execute(statement, *values)


def _number(label: str, _: str) -> str:
    return str(int(label))


def _label(label: str, _: str) -> str:
    return label


def _at(text: str) -> str:
    return text.replace("{when}", f"'{WHEN}'")


def crc(content: bytes) -> int:
    """Flyway's: each line without its end, as a signed number of 32 bits."""
    lines = re.split("\r\n|\r|\n", content.decode().removeprefix("\ufeff"))
    value = 0
    for line in lines:
        value = zlib.crc32(line.encode(), value)
    return value - (1 << 32) if value >= 1 << 31 else value


def _golang_migrate(file: File) -> tuple[str, Sequence[object]]:
    return (
        "INSERT INTO schema_migrations VALUES ($1, false)",
        [int(file.key)],
    )


def _goose(file: File) -> tuple[str, Sequence[object]]:
    return (
        _at("INSERT INTO goose_db_version (version_id, is_applied, tstamp)"
            " VALUES ($1, true, {when})"),
        [int(file.key)],
    )  # fmt: skip


def _flyway(file: File) -> tuple[str, Sequence[object]]:
    return (
        _at('INSERT INTO "public"."flyway_schema_history" SELECT'
            " coalesce(max(installed_rank), 0) + 1, $1, $2, 'SQL', $3, $4, 'ada',"
            " {when}, 42, true FROM public.flyway_schema_history"),
        [file.key, file.name.replace("_", " "), file.file, crc(file.content)],
    )  # fmt: skip


def _sqlx(file: File) -> tuple[str, Sequence[object]]:
    return (
        _at("INSERT INTO _sqlx_migrations VALUES ($1, $2, {when}, true, $3, 42500000)"),
        [int(file.key), file.name, hashlib.sha384(file.content).digest()],
    )


def _prisma(file: File) -> tuple[str, Sequence[object]]:
    return (
        _at("INSERT INTO _prisma_migrations VALUES (gen_random_uuid()::text, $1,"
            " {when}, $2, NULL, NULL, {when}::timestamptz - interval '42 ms', 1)"),
        [hashlib.sha256(file.content).hexdigest(), file.key],
    )  # fmt: skip


def _graphile(file: File) -> tuple[str, Sequence[object]]:
    head = dict(re.findall(r"^--! (\w+): (\S+)$", file.content.decode(), re.MULTILINE))
    previous = None if head["Previous"] == "-" else head["Previous"]
    return (
        _at("INSERT INTO graphile_migrate.migrations VALUES ($1, $2, $3, {when})"),
        [head["Hash"], previous, file.file.removeprefix("committed/")],
    )


def _sqitch(file: File) -> tuple[str, Sequence[object]]:
    digest = hashlib.sha1(file.content, usedforsecurity=False).hexdigest()
    return (
        _at("INSERT INTO sqitch.changes (change_id, script_hash, change, project,"
            " committed_at, committer_name, committer_email, planned_at, planner_name,"
            " planner_email) SELECT $1, $2, $3, 'books', {when}::timestamptz"
            " + count(*) * interval '1 ms', 'Snorri', 's@example.org', {when}, 'Snorri',"
            " 's@example.org' FROM sqitch.changes"),
        [hashlib.sha1(file.file.encode(), usedforsecurity=False).hexdigest(), digest,
         file.key],
    )  # fmt: skip


SQITCH = """
CREATE SCHEMA sqitch;
CREATE TABLE sqitch.projects (project text PRIMARY KEY, uri text NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  creator_name text NOT NULL, creator_email text NOT NULL);
CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, script_hash text NULL,
  change text NOT NULL, project text NOT NULL REFERENCES sqitch.projects (project)
    ON UPDATE CASCADE, note text NOT NULL DEFAULT '',
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  committer_name text NOT NULL, committer_email text NOT NULL,
  planned_at timestamptz NOT NULL, planner_name text NOT NULL,
  planner_email text NOT NULL, UNIQUE (project, script_hash));
INSERT INTO sqitch.projects VALUES ('books', NULL, now(), 'Snorri', 's@example.org');
"""

FLYWAY = """
CREATE TABLE "public"."flyway_schema_history" (
  "installed_rank" INT NOT NULL, "version" VARCHAR(50),
  "description" VARCHAR(200) NOT NULL, "type" VARCHAR(20) NOT NULL,
  "script" VARCHAR(1000) NOT NULL, "checksum" INTEGER,
  "installed_by" VARCHAR(100) NOT NULL, "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
  "execution_time" INTEGER NOT NULL, "success" BOOLEAN NOT NULL);
ALTER TABLE "public"."flyway_schema_history"
  ADD CONSTRAINT "flyway_schema_history_pk" PRIMARY KEY ("installed_rank");
CREATE INDEX "flyway_schema_history_s_idx"
  ON "public"."flyway_schema_history" ("success");
"""

IN_PLACE = (
    Tool(
        "golang-migrate",
        "public",
        "schema_migrations",
        'CREATE TABLE "public"."schema_migrations"'
        " (version bigint not null primary key, dirty boolean not null)",
        _golang_migrate,
        _number,
        downs=True,
        head_only=True,
    ),
    Tool(
        "goose",
        "public",
        "goose_db_version",
        "CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS"
        " IDENTITY, version_id bigint NOT NULL, is_applied boolean NOT NULL,"
        " tstamp timestamp NOT NULL DEFAULT now());"
        " INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true)",
        _goose,
        _number,
        frozenset({"applied_at"}),
        downs=True,
    ),
    Tool(
        "dbmate",
        "public",
        "schema_migrations",
        'CREATE TABLE "public"."schema_migrations" (version varchar primary key)',
        lambda file: ("INSERT INTO schema_migrations VALUES ($1)", [file.key]),
        _label,
        downs=True,
    ),
    Tool(
        "flyway",
        "public",
        "flyway_schema_history",
        FLYWAY,
        _flyway,
        _label,
        frozenset({"applied_at", "applied_by", "execution_time_ms"}),
        verified=True,
    ),
    Tool(
        "sqlx",
        "public",
        "_sqlx_migrations",
        "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version BIGINT PRIMARY KEY,"
        " description TEXT NOT NULL, installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),"
        " success BOOLEAN NOT NULL, checksum BYTEA NOT NULL,"
        " execution_time BIGINT NOT NULL)",
        _sqlx,
        _number,
        frozenset({"applied_at", "execution_time_ms"}),
        verified=True,
    ),
    Tool(
        "diesel",
        "public",
        "__diesel_schema_migrations",
        "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (version VARCHAR(50)"
        " PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        lambda file: (
            _at("INSERT INTO __diesel_schema_migrations VALUES ($1, {when})"),
            [file.key],
        ),
        _label,
        frozenset({"applied_at"}),
        downs=True,
    ),
    Tool(
        "prisma",
        "public",
        "_prisma_migrations",
        "CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL,"
        " checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,"
        " migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,"
        " started_at TIMESTAMPTZ NOT NULL DEFAULT now(),"
        " applied_steps_count INTEGER NOT NULL DEFAULT 0)",
        _prisma,
        _label,
        frozenset({"applied_at", "execution_time_ms"}),
        verified=True,
    ),
    Tool(
        "sql-migrate",
        "public",
        "gorp_migrations",
        'create table if not exists "gorp_migrations" ("id" text not null primary key,'
        ' "applied_at" timestamp with time zone)',
        lambda file: (
            _at("INSERT INTO gorp_migrations VALUES ($1, {when})"),
            [file.key],
        ),
        lambda _, file: file,
        frozenset({"applied_at"}),
        downs=True,
    ),
    Tool(
        "supabase",
        "supabase_migrations",
        "schema_migrations",
        "CREATE SCHEMA supabase_migrations; CREATE TABLE"
        " supabase_migrations.schema_migrations (version text NOT NULL PRIMARY KEY);"
        " ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN statements"
        " text[]; ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN name text",
        lambda file: (
            "INSERT INTO supabase_migrations.schema_migrations VALUES ($1, NULL, $2)",
            [file.key, file.name],
        ),
        _label,
    ),
    Tool(
        "graphile-migrate",
        "graphile_migrate",
        "migrations",
        "CREATE SCHEMA graphile_migrate; CREATE TABLE graphile_migrate.migrations"
        " (hash text primary key, previous_hash text references"
        " graphile_migrate.migrations, filename text not null,"
        " date timestamptz not null default now())",
        _graphile,
        _label,
        frozenset({"applied_at"}),
        verified=True,
    ),
    Tool(
        "sqitch",
        "sqitch",
        "changes",
        SQITCH,
        _sqitch,
        lambda label, _: label.partition("@")[0],
        frozenset({"applied_at", "applied_by"}),
        verified=True,
        downs=True,
    ),
)

ALEMBIC = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""
RAILS = """
CREATE TABLE "schema_migrations" ("version" character varying NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" character varying NOT NULL PRIMARY KEY,
  "value" character varying, "created_at" timestamp(6) NOT NULL,
  "updated_at" timestamp(6) NOT NULL)
"""
TERN = "create table if not exists public.schema_version (version int4 not null primary key)"
YOYO = """
CREATE TABLE "_yoyo_migration" ("migration_hash" VARCHAR(64),
  "migration_id" VARCHAR(255), "applied_at_utc" TIMESTAMP,
  PRIMARY KEY ("migration_hash"));
CREATE TABLE "yoyo_lock" ("locked" INT DEFAULT 1, "ctime" TIMESTAMP,
  "pid" INT NOT NULL, PRIMARY KEY ("locked"))
"""
