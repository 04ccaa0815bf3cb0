-- UP
CREATE INDEX CONCURRENTLY entries_by_author ON entries (author);

-- DOWN
DROP INDEX CONCURRENTLY entries_by_author;
