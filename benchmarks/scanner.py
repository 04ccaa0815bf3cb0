"""How fast scripts are read: ``python benchmarks/scanner.py [MEGABYTES]``."""

import sys
import time
from collections.abc import Callable

from asyncmigrate._sql.checksum import token_checksum
from asyncmigrate._sql.script import read_script
from asyncmigrate._sql.sections import read_sections
from asyncmigrate._sql.statements import split

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


def measure(name: str, text: str, work: Callable[[str], object]) -> None:
    """Print the best of five runs."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        work(text)
        best = min(best, time.perf_counter() - started)
    print(f"{name:<28} {len(text) / best / 1e6:8.1f} MB/s  {best * 1e3:8.1f} ms")


def main() -> None:
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    statements = ddl(int(megabytes * 1e6))
    copied = dump(int(megabytes * 1e6))
    print(f"{len(split(statements)):,} statements of DDL")
    measure("split, DDL", statements, split)
    measure("split, COPY data", copied, split)
    measure("read_sections, DDL", statements, read_sections)
    small = ddl(int(megabytes * 1e5))
    measure("token_checksum, DDL", small, token_checksum)
    measure("token_checksum, COPY data", copied, token_checksum)
    measure("read_script, DDL", small, read_script)


if __name__ == "__main__":
    main()
