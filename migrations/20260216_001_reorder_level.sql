-- Short locks on a busy table: the constraint is added without looking at the rows,
-- and the next file checks them under a lock that holds nobody up.

-- UP
-- asyncmigrate: lock-timeout=2s
ALTER TABLE books ADD COLUMN reorder_level integer NOT NULL DEFAULT 3;
ALTER TABLE books ADD CONSTRAINT books_reorder_level_sane
    CHECK (reorder_level BETWEEN 0 AND 1000) NOT VALID;

-- DOWN
-- asyncmigrate: lock-timeout=2s
ALTER TABLE books DROP COLUMN reorder_level;
