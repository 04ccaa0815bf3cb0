"""Row 11: how fast scripts are read."""

import hashlib
import time
from collections.abc import Callable

from asyncmigrate._sql.checksum import token_checksum
from asyncmigrate._sql.script import read_script
from asyncmigrate._sql.sections import read_sections
from asyncmigrate._sql.statements import split
from benchmarks.bench import Bench
from benchmarks.measuring import Contender, Figures, measure
from benchmarks.results import Aim, Row, series_of

DDL = "split, DDL"
COPY = "split, COPY data"

TABLE = """\
-- Orders of shop {n}; what is paid is never deleted.
CREATE TABLE shop_{n}.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES shop_{n}.customers (id),
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'paid', 'it''s gone')),
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_customer_id_idx ON shop_{n}.orders USING btree (customer_id);
COMMENT ON COLUMN shop_{n}.orders.state IS E'new\\nor paid; see the "states"';
ALTER TABLE ONLY shop_{n}.orders ADD CONSTRAINT orders_check CHECK (id > 0);
/* Keeps the search column; see /* nested */ notes. */
CREATE FUNCTION shop_{n}.touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.placed_at := now(); -- the server's clock; not the client's
    RETURN NEW;
END;
$body$;
GRANT SELECT, INSERT ON shop_{n}.orders TO reader, writer;
"""
ROWS = "".join(
    f"{n}\tcustomer {n};\tit's 'new'\t\\N\t2026-01-01\n" for n in range(9_000)
)


def ddl(size: int) -> str:
    """Generate tables, functions and comments."""
    return "".join(TABLE.format(n=n) for n in range(size // (len(TABLE) + 20)))


def dump(size: int) -> str:
    """Generate a dump whose bulk is COPY data."""
    one = f"COPY public.orders (id, name, state, note, day) FROM stdin;\n{ROWS}\\.\n\n"
    return "SET client_encoding = 'UTF8';\n\n" + one * (size // len(one))


def measure_scanner(bench: Bench) -> list[Row]:
    """In megabytes a second."""
    size = bench.scale.megabytes * 100_000
    statements, copied = ddl(size), dump(max(size, len(ROWS) * 2))
    small = ddl(size // 10)
    work: dict[str, tuple[Callable[[str], object], str]] = {
        DDL: (split, statements),
        COPY: (split, copied),
        "read_sections, DDL": (read_sections, statements),
        "token_checksum, DDL": (token_checksum, small),
        "token_checksum, COPY data": (token_checksum, copied),
        "read_script, DDL": (read_script, small),
        "SHA-256": (_sha256, copied),
    }
    contenders = [
        Contender(name, _runs(function, text), is_ours=True)
        for name, (function, text) in work.items()
    ]
    series = series_of(
        measure(contenders, bench.rounds(share=0.5)),
        "speed",
        key="scanner",
        title=f"{size / 1e6:g} MB of text",
        unit="MB/s",
        reference="SHA-256",
        aims=[
            Aim(text="40 MB/s of DDL", of=DDL, at_least=40),
            Aim(text="500 MB/s of COPY data", of=COPY, at_least=500),
        ],
    )
    return [Row(number=11, title="the scanner", series=[series])]


def _runs(work: Callable[[str], object], text: str) -> Callable[[], Figures]:
    def once() -> Figures:
        started = time.perf_counter()
        work(text)
        return {"speed": len(text) / 1e6 / (time.perf_counter() - started)}

    return once


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
