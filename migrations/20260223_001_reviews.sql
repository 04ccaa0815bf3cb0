-- UP
CREATE DOMAIN stars AS smallint CHECK (VALUE BETWEEN 1 AND 5);

CREATE TABLE reviews (
    book_id bigint NOT NULL REFERENCES books ON DELETE CASCADE,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    stars stars NOT NULL,
    body text NOT NULL DEFAULT '',
    words integer GENERATED ALWAYS AS (
        CASE WHEN btrim(body) = '' THEN 0
        ELSE array_length(regexp_split_to_array(btrim(body), '\s+'), 1) END
    ) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, customer_id)
);

-- DOWN
DROP TABLE reviews;
DROP DOMAIN stars;
