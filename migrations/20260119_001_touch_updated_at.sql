-- UP
CREATE FUNCTION touch_updated_at() RETURNS trigger
LANGUAGE plpgsql
AS $body$
BEGIN
    -- DOWN
    -- (A marker inside a body is no marker, and this `;` ends no statement.)
    NEW.updated_at := now();
    RETURN NEW;
END;
$body$;

CREATE TRIGGER books_touch
    BEFORE UPDATE ON books
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION touch_updated_at();

CREATE TRIGGER orders_touch
    BEFORE UPDATE ON orders
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION touch_updated_at();

-- DOWN
DROP TRIGGER orders_touch ON orders;
DROP TRIGGER books_touch ON books;
DROP FUNCTION touch_updated_at();
