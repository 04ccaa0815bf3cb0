-- UP
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    full_name text NOT NULL,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One living account for each address, whatever its case.
CREATE UNIQUE INDEX customers_email_key
    ON customers (lower(email))
    WHERE deleted_at IS NULL;

-- DOWN
DROP TABLE customers;
