-- UP
ALTER TABLE orders
    ADD COLUMN gift boolean NOT NULL DEFAULT false,
    ADD COLUMN gift_note text,
    ADD CONSTRAINT orders_note_only_on_gifts CHECK (gift OR gift_note IS NULL);

COMMENT ON COLUMN orders.gift_note IS 'Printed on the card, never on the invoice';

-- DOWN
ALTER TABLE orders
    DROP COLUMN gift_note,
    DROP COLUMN gift;
