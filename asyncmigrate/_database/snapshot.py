"""Everything that a schema change can change, as lines to compare: the catalogue.

An object is a line or a few: what it is, its qualified name, how it is defined. What
says nothing about the schema is left out: object ids, gaps and the order of columns,
statistics, where a sequence stands, rights that are the usual ones, and everything that
belongs to an extension.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, LiteralString

from asyncmigrate._database.session import Session
from asyncmigrate._sql.quoting import quote_literal

PARTS: Final[LiteralString] = """
WITH extended AS MATERIALIZED (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), spaces AS MATERIALIZED (
    SELECT n.* FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND n.nspname <> ALL (ARRAY[{ignored}]::pg_catalog.text[])
      AND NOT EXISTS (SELECT FROM extended WHERE objid = n.oid
                      AND classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass)
), relations AS MATERIALIZED (
    SELECT c.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS id
    FROM pg_catalog.pg_class AS c JOIN spaces AS n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM extended WHERE objid = c.oid
                      AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
), types AS MATERIALIZED (
    SELECT t.*, pg_catalog.format('%I.%I', n.nspname, t.typname) AS id
    FROM pg_catalog.pg_type AS t JOIN spaces AS n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'e', 'r') AND NOT EXISTS (
        SELECT FROM extended WHERE objid = t.oid
        AND classid = 'pg_catalog.pg_type'::pg_catalog.regclass)
), functions AS MATERIALIZED (
    SELECT p.*, pg_catalog.format('%I.%I(%s)', n.nspname, p.proname,
        pg_catalog.pg_get_function_identity_arguments(p.oid)) AS id
    FROM pg_catalog.pg_proc AS p JOIN spaces AS n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend
        WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
          AND objid = p.oid AND deptype IN ('e', 'i'))
), columns AS MATERIALIZED (
    SELECT a.*, r.id AS relation, r.relkind,
           pg_catalog.format('%s.%I', r.id, a.attname) AS id
    FROM pg_catalog.pg_attribute AS a JOIN relations AS r ON r.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
), owned AS (
    SELECT 'schema' AS kind, pg_catalog.quote_ident(nspname) AS id,
           nspowner AS owner, nspacl AS acl,
           pg_catalog.acldefault('n', nspowner) AS usual
    FROM spaces
    UNION ALL
    SELECT 'relation', id, relowner, relacl, pg_catalog.acldefault(
        CASE relkind WHEN 'S' THEN 's'::pg_catalog."char" ELSE 'r' END, relowner)
    FROM relations WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'type', id, typowner, typacl, pg_catalog.acldefault('T', typowner) FROM types
    UNION ALL
    SELECT 'function', id, proowner, proacl, pg_catalog.acldefault('f', proowner)
    FROM functions
    UNION ALL
    SELECT 'column', id, NULL, attacl, '{}' FROM columns
)
"""

SCHEMAS: Final[LiteralString] = """
SELECT 'schema', pg_catalog.quote_ident(nspname), NULL::pg_catalog.jsonb FROM spaces
UNION ALL
SELECT 'extension', pg_catalog.quote_ident(extname), pg_catalog.jsonb_build_object(
    'version', extversion,
    'schema', extnamespace::pg_catalog.regnamespace::pg_catalog.text)
FROM pg_catalog.pg_extension
"""

RELATIONS: Final[LiteralString] = """
SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
       WHEN 'c' THEN 'composite type' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
       r.id, pg_catalog.jsonb_build_object(
    'unlogged', NULLIF(r.relpersistence = 'u', false),
    'row security', NULLIF(r.relrowsecurity, false),
    'forced row security', NULLIF(r.relforcerowsecurity, false),
    'replica identity', CASE WHEN r.relkind IN ('r', 'p')
        THEN NULLIF(r.relreplident, 'd') END,
    'options', r.reloptions,
    'partitioned by', pg_catalog.pg_get_partkeydef(r.oid),
    'partition', pg_catalog.pg_get_expr(r.relpartbound, r.oid),
    'inherits', (SELECT pg_catalog.jsonb_agg(
            inhparent::pg_catalog.regclass::pg_catalog.text ORDER BY inhseqno)
        FROM pg_catalog.pg_inherits WHERE inhrelid = r.oid),
    'as', CASE WHEN r.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(r.oid) END)
FROM relations AS r WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
UNION ALL
SELECT 'column', c.id, pg_catalog.jsonb_build_object(
    'type', pg_catalog.format_type(c.atttypid, c.atttypmod),
    'not null', NULLIF(c.attnotnull, false),
    'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    'identity', NULLIF(c.attidentity, ''),
    'generated', NULLIF(c.attgenerated, ''),
    'collation', CASE WHEN c.attcollation <> t.typcollation THEN
        (SELECT pg_catalog.quote_ident(collname) FROM pg_catalog.pg_collation
         WHERE oid = c.attcollation) END,
    'storage', NULLIF(c.attstorage, t.typstorage),
    'options', c.attoptions)
FROM columns AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.atttypid
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.attrelid AND d.adnum = c.attnum
WHERE c.relkind IN ('r', 'p', 'f', 'c') OR d.oid IS NOT NULL
UNION ALL
SELECT 'sequence', r.id, pg_catalog.jsonb_build_object(
    'type', pg_catalog.format_type(s.seqtypid, NULL),
    'start', s.seqstart, 'increment', s.seqincrement,
    'min', s.seqmin, 'max', s.seqmax, 'cache', s.seqcache,
    'cycle', NULLIF(s.seqcycle, false),
    'owned by', (SELECT c.id FROM pg_catalog.pg_depend AS d
        JOIN columns AS c ON c.attrelid = d.refobjid AND c.attnum = d.refobjsubid
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objid = r.oid AND d.deptype IN ('a', 'i')))
FROM relations AS r JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = r.oid
"""

ON_RELATIONS: Final[LiteralString] = """
SELECT 'constraint', pg_catalog.format('%s on %s', pg_catalog.quote_ident(k.conname),
        COALESCE(r.id, t.id)), pg_catalog.jsonb_build_object(
    'is', pg_catalog.pg_get_constraintdef(k.oid),
    'not valid', NULLIF(NOT k.convalidated, false),
    'not enforced', NULLIF(pg_catalog.to_jsonb(k) -> 'conenforced', 'true'))
FROM pg_catalog.pg_constraint AS k
LEFT JOIN relations AS r ON r.oid = k.conrelid
LEFT JOIN types AS t ON t.oid = k.contypid
WHERE COALESCE(r.oid, t.oid) IS NOT NULL AND k.contype <> 'n'
UNION ALL
SELECT 'index', r.id, pg_catalog.jsonb_build_object(
    'is', pg_catalog.pg_get_indexdef(i.indexrelid),
    'invalid', NULLIF(NOT (i.indisvalid AND i.indisready), false),
    'clustered', NULLIF(i.indisclustered, false),
    'replica identity', NULLIF(i.indisreplident, false))
FROM pg_catalog.pg_index AS i JOIN relations AS r ON r.oid = i.indexrelid
UNION ALL
SELECT 'trigger', pg_catalog.format('%s on %s',
        pg_catalog.quote_ident(g.tgname), r.id), pg_catalog.jsonb_build_object(
    'is', pg_catalog.pg_get_triggerdef(g.oid), 'enabled', NULLIF(g.tgenabled, 'O'))
FROM pg_catalog.pg_trigger AS g JOIN relations AS r ON r.oid = g.tgrelid
WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', pg_catalog.format('%s on %s',
        pg_catalog.quote_ident(w.rulename), r.id), pg_catalog.jsonb_build_object(
    'is', pg_catalog.pg_get_ruledef(w.oid), 'enabled', NULLIF(w.ev_enabled, 'O'))
FROM pg_catalog.pg_rewrite AS w JOIN relations AS r ON r.oid = w.ev_class
WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', pg_catalog.format('%s on %s',
        pg_catalog.quote_ident(p.polname), r.id), pg_catalog.jsonb_build_object(
    'for', p.polcmd, 'restrictive', NULLIF(NOT p.polpermissive, false),
    'to', (SELECT pg_catalog.jsonb_agg(name ORDER BY name) FROM (
        SELECT CASE role WHEN 0 THEN 'public' ELSE pg_catalog.pg_get_userbyid(role) END
        FROM pg_catalog.unnest(p.polroles) AS role) AS roles (name)),
    'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
    'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_catalog.pg_policy AS p JOIN relations AS r ON r.oid = p.polrelid
UNION ALL
SELECT 'statistics', pg_catalog.format('%I.%I', n.nspname, s.stxname),
    pg_catalog.jsonb_build_object('is', pg_catalog.pg_get_statisticsobjdef(s.oid))
FROM pg_catalog.pg_statistic_ext AS s JOIN spaces AS n ON n.oid = s.stxnamespace
"""

PROGRAMS: Final[LiteralString] = """
SELECT CASE f.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure'
       ELSE 'function' END, f.id,
    CASE WHEN f.prokind = 'a' THEN (
        SELECT pg_catalog.to_jsonb(g) - ARRAY['aggfnoid', 'aggtranstype',
            'aggmtranstype', 'aggsortop'] || pg_catalog.jsonb_build_object(
            'state', pg_catalog.format_type(g.aggtranstype, NULL))
        FROM pg_catalog.pg_aggregate AS g WHERE g.aggfnoid = f.oid)
    ELSE pg_catalog.jsonb_build_object(
        'is', pg_catalog.pg_get_functiondef(f.oid)) END
FROM functions AS f
UNION ALL
SELECT 'type', t.id, CASE t.typtype
    WHEN 'e' THEN pg_catalog.jsonb_build_object('enum', (
        SELECT pg_catalog.jsonb_agg(enumlabel ORDER BY enumsortorder)
        FROM pg_catalog.pg_enum WHERE enumtypid = t.oid))
    WHEN 'd' THEN pg_catalog.jsonb_build_object(
        'domain over', pg_catalog.format_type(t.typbasetype, t.typtypmod),
        'not null', NULLIF(t.typnotnull, false), 'default', t.typdefault)
    ELSE pg_catalog.jsonb_build_object('range of', (
        SELECT pg_catalog.format_type(rngsubtype, NULL)
        FROM pg_catalog.pg_range WHERE rngtypid = t.oid)) END
FROM types AS t
UNION ALL
SELECT 'event trigger', pg_catalog.quote_ident(e.evtname),
    pg_catalog.jsonb_build_object('event', e.evtevent, 'enabled', e.evtenabled,
        'tags', e.evttags,
        'runs', e.evtfoid::pg_catalog.regprocedure::pg_catalog.text)
FROM pg_catalog.pg_event_trigger AS e WHERE NOT EXISTS (
    SELECT FROM extended WHERE objid = e.oid
    AND classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass)
"""

RIGHTS: Final[LiteralString] = """
SELECT 'owner', pg_catalog.format('of %s %s', kind, id),
    pg_catalog.jsonb_build_object('is', pg_catalog.pg_get_userbyid(owner))
FROM owned WHERE owner IS NOT NULL
UNION ALL
SELECT 'grants', pg_catalog.format('on %s %s', kind, id),
    pg_catalog.jsonb_build_object('are', (
        SELECT pg_catalog.jsonb_agg(each::pg_catalog.text
            ORDER BY each::pg_catalog.text) FROM pg_catalog.unnest(acl) AS each))
FROM owned WHERE NOT (acl @> usual AND usual @> acl)
UNION ALL
SELECT 'default grants', pg_catalog.format('of %s on %s in %s',
        pg_catalog.pg_get_userbyid(defaclrole), defaclobjtype,
        COALESCE((SELECT pg_catalog.quote_ident(nspname) FROM spaces
                  WHERE oid = defaclnamespace), 'every schema')),
    pg_catalog.jsonb_build_object('are', (
        SELECT pg_catalog.jsonb_agg(each::pg_catalog.text
            ORDER BY each::pg_catalog.text) FROM pg_catalog.unnest(defaclacl) AS each))
FROM pg_catalog.pg_default_acl
WHERE defaclnamespace = 0 OR defaclnamespace IN (SELECT oid FROM spaces)
UNION ALL
SELECT 'comment', pg_catalog.format('on %s %s', o.type, o.identity),
    pg_catalog.jsonb_build_object('is', d.description)
FROM pg_catalog.pg_description AS d
CROSS JOIN pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) AS o
WHERE o.identity IS NOT NULL
  AND d.classoid <> 'pg_catalog.pg_extension'::pg_catalog.regclass
  AND NOT EXISTS (SELECT FROM extended
                  WHERE objid = d.objoid AND classid = d.classoid)
  AND (o.schema IS NULL AND d.objoid >= 16384 OR EXISTS (
      SELECT FROM spaces WHERE pg_catalog.quote_ident(nspname) = o.schema
                            OR nspname = o.schema))
"""


async def snapshot(session: Session, *, ignored: Iterable[str] = ()) -> str:
    """The catalogue of a session's database, sorted. One round trip.

    Names are qualified by the search path that `settle` has put in place. Schemas that
    are *ignored* are left out with all that is in them.
    """
    named = ", ".join(map(quote_literal, ignored))
    parts = (SCHEMAS, RELATIONS, ON_RELATIONS, PROGRAMS, RIGHTS)
    sql = PARTS.replace("{ignored}", named) + "UNION ALL".join(parts)
    objects = sorted((r[0] or "", r[1] or "", r[2]) for r in await session.ask(sql))
    return "".join(f"{line}\n" for each in objects for line in _lines(*each))


def _lines(kind: str, identity: str, definition: str | None) -> Iterator[str]:
    """One object: on a line, but for texts of several lines."""
    facts: dict[str, Any] = json.loads(definition) if definition else {}
    shown = {name: _shown(value) for name, value in facts.items() if value is not None}
    short = [f"{name} {value}" for name, value in shown.items() if "\n" not in value]
    yield f"{kind} {identity}{': ' if short else ''}{', '.join(short)}"
    for value in shown.values():
        if "\n" in value:
            yield from (f"    | {line}" for line in value.splitlines())


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"({', '.join(map(_shown, value))})"
    return json.dumps(value)
