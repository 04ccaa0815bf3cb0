SELECT 'a;b', 'it''s', '\', E'\';\\', e'';;
SELECT U&'d!0061t;a' UESCAPE '!', U&"d\0061;", "a"";b", B'01', X'FF', N'n;';
SELECT 'continued' -- a comment with a quote: '
       ';still one', E'and'
  'here\';' AS x;
SELECT $$;$$, $t$ $$ ; $t $t$, $_1$;$_1$, $é$;$é$, x$y$, a1$ FROM été, b$$;
SELECT 1 +/* ; */ 2, 1 - -1, @-1, 3 <>-4, a<-- ;
b, 5*/*;*/6, 1!=-2, '{}'::int[], list[1:2] FROM t;
-- ; only a comment
;;
/* and /* nested; */ ; */
SELECT 0x1F, 1_000, 1.5e-3, .5, 1., $1;SELECT 'no blank';SELECT 2
