-- UP
ALTER TABLE outbox.messages ADD COLUMN topic text NOT NULL DEFAULT '';

-- DOWN
ALTER TABLE outbox.messages DROP COLUMN topic;
