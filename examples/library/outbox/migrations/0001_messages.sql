-- UP
CREATE SCHEMA outbox;
CREATE TABLE outbox.messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body text NOT NULL
);

-- DOWN
DROP SCHEMA outbox CASCADE;
