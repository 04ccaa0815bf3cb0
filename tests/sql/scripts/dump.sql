\restrict abc123
SET standard_conforming_strings = on;
COPY public."t;x" (a, b) FROM stdin; -- data follow
1	it's; "open
2	$$ /* \\. --
\.

COPY t FROM stdin WITH (FORMAT csv);
\.
SELECT 1;
COPY (SELECT a FROM stdin) TO STDOUT;
COPY t FROM '/dev/null';
SELECT 2;
\unrestrict abc123
