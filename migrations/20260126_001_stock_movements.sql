-- Every book that comes in or goes out: append-only, a partition for each quarter.

-- UP
CREATE TABLE stock_movements (
    book_id bigint NOT NULL REFERENCES books,
    moved_on date NOT NULL DEFAULT current_date,
    quantity integer NOT NULL CHECK (quantity <> 0),
    reason text NOT NULL DEFAULT 'delivery',
    PRIMARY KEY (book_id, moved_on, reason)
) PARTITION BY RANGE (moved_on);

CREATE TABLE stock_movements_2026_q1 PARTITION OF stock_movements
    FOR VALUES FROM ('2026-01-01') TO ('2026-04-01');
CREATE TABLE stock_movements_2026_q2 PARTITION OF stock_movements
    FOR VALUES FROM ('2026-04-01') TO ('2026-07-01');
CREATE TABLE stock_movements_other PARTITION OF stock_movements DEFAULT;

-- DOWN
DROP TABLE stock_movements;
