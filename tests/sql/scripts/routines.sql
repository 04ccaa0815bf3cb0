-- Bodies that hold semicolons; labels that are keywords.
CREATE FUNCTION one() RETURNS int
    LANGUAGE sql
    BEGIN ATOMIC
        SELECT 1 AS end;
        SELECT CASE WHEN true THEN CASE 1 WHEN 1 THEN 2 END END end;
        ;
        SELECT t.end FROM t; -- END; in a comment
    END;

CREATE OR REPLACE PROCEDURE two(a int DEFAULT (SELECT 1 FROM begin atomic))
BEGIN /* ; */ ATOMIC
    INSERT INTO t VALUES ('END;');
    CREATE FUNCTION three() RETURNS int BEGIN ATOMIC SELECT 3; END;
    CREATE RULE inner_rule AS ON INSERT TO t DO (SELECT 1; SELECT 2);
END;

CREATE /* a comment /* in a comment */ */ FUNCTION four() RETURNS int RETURN 4;
CREATE FUNCTION five() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
    RETURN $$;$$ || 'END;'; -- atomic
END
$body$;
CREATE OR REPLACE RULE six AS ON UPDATE TO t DO INSTEAD (
    INSERT INTO log VALUES (';');
    DELETE FROM log WHERE id = (SELECT max(id) FROM log);
    NOTIFY log
);
CREATE RULE seven AS ON DELETE TO t DO NOTHING;
SELECT 1 begin, 2 atomic; SELECT 3 AS "end"
