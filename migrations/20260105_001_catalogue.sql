-- What the shop sells. A file has two sections; `-- UP` and `-- DOWN` begin them.

-- UP
CREATE TABLE authors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    born_on date,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE books (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    isbn text NOT NULL UNIQUE CHECK (isbn ~ '^97[89][0-9]{10}$'),
    title text NOT NULL CHECK (title <> ''),
    price numeric(8, 2) NOT NULL CHECK (price >= 0),
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE book_authors (
    book_id bigint NOT NULL REFERENCES books ON DELETE CASCADE,
    author_id bigint NOT NULL REFERENCES authors ON DELETE RESTRICT,
    position smallint NOT NULL DEFAULT 1,
    PRIMARY KEY (book_id, author_id)
);

CREATE INDEX book_authors_by_author ON book_authors (author_id);

COMMENT ON COLUMN books.isbn IS 'ISBN-13, digits only';

-- DOWN
DROP TABLE book_authors;
DROP TABLE books;
DROP TABLE authors;
