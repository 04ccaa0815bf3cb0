-- Files in this folder run after the others, and again whenever their text changes.

-- UP
CREATE OR REPLACE VIEW sales_by_month AS
SELECT
    date_trunc('month', orders.placed_at) AS month,
    books.title,
    sum(lines.quantity) AS copies,
    sum(lines.quantity * lines.unit_price) AS revenue
FROM orders
JOIN order_lines AS lines ON lines.order_id = orders.id
JOIN books ON books.id = lines.book_id
WHERE orders.status IN ('paid', 'sent')
GROUP BY 1, 2;

-- DOWN
DROP VIEW IF EXISTS sales_by_month;
