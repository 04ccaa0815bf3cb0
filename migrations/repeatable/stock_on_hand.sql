-- UP
CREATE OR REPLACE VIEW stock_on_hand AS
SELECT
    books.id AS book_id,
    books.title,
    coalesce(sum(moved.quantity), 0) AS copies
FROM books
LEFT JOIN stock_movements AS moved ON moved.book_id = books.id
GROUP BY books.id;

-- DOWN
DROP VIEW IF EXISTS stock_on_hand;
