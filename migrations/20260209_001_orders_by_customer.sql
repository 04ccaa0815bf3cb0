-- CONCURRENTLY cannot be in a transaction. That is recognised, in a file of its own:
-- should the build die half way, the next run drops the invalid index and builds again.

-- UP
-- asyncmigrate: concurrent-timeout=30min
CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer_id, placed_at DESC);

-- DOWN
DROP INDEX CONCURRENTLY orders_by_customer;
