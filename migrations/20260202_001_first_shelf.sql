-- The shop's first delivery, as `pg_dump` would write it.

-- UP
COPY authors (name, born_on) FROM stdin;
Jane Austen	1775-12-16
Ursula K. Le Guin	1929-10-21
Stanisław Lem	1921-09-12
\.

COPY books (isbn, title, price, attributes) FROM stdin;
9780141439518	Pride & Prejudice	8.99	{"language": "en", "pages": 480}
9780441478125	The Left Hand of Darkness	9.99	{"language": "en", "pages": 304}
9780156027601	Solaris	11.50	{"language": "en", "pages": 224}
\.

INSERT INTO book_authors (book_id, author_id)
SELECT books.id, authors.id
FROM (
    VALUES
    ('9780141439518', 'Jane Austen'),
    ('9780441478125', 'Ursula K. Le Guin'),
    ('9780156027601', 'Stanisław Lem')
) AS wrote (isbn, author)
JOIN books ON books.isbn = wrote.isbn
JOIN authors ON authors.name = wrote.author;

INSERT INTO stock_movements (book_id, moved_on, quantity)
SELECT id, DATE '2026-02-02', 12 FROM books;

-- DOWN
DELETE FROM stock_movements WHERE moved_on = DATE '2026-02-02' AND reason = 'delivery';
DELETE FROM books WHERE isbn IN ('9780141439518', '9780441478125', '9780156027601');
DELETE FROM authors WHERE name IN ('Jane Austen', 'Ursula K. Le Guin', 'Stanisław Lem');
