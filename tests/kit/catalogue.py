"""Everything that a database's catalogue holds, as lines to compare.

A line names an object and says how it is defined. System schemas and the tracking
schema are left out, and so is what is cluster-wide. Two databases whose lines are
equal differ in their rows at most.
"""

from collections.abc import Iterable

import asyncpg

OBJECTS = """
WITH ours AS (
    SELECT oid FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname !~ '^pg_' AND nspname <> ALL ($1)
),
relations AS (
    SELECT class.*, class.oid::regclass::text AS name FROM pg_class AS class
    WHERE relnamespace IN (TABLE ours)
),
functions AS (
    SELECT proc.*, proc.oid::regprocedure::text AS name FROM pg_proc AS proc
    WHERE pronamespace IN (TABLE ours)
),
described (classid, objid) AS (
    SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oprnamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_opclass'::regclass, oid FROM pg_opclass WHERE opcnamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily WHERE opfnamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_collation'::regclass, oid FROM pg_collation WHERE collnamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_conversion'::regclass, oid FROM pg_conversion WHERE connamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE cfgnamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict WHERE dictnamespace IN (TABLE ours)
    UNION ALL
    SELECT 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384
    UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE oid >= 16384
    UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension WHERE oid >= 16384
    UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
    UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
)
SELECT format('schema %s %s', nspname, nspacl)
FROM pg_namespace WHERE oid IN (TABLE ours)
UNION ALL
SELECT format(
    'relation %s %s %s %s %s owner %s rights %s rows %s %s %s', relkind, name,
    relpersistence, reloptions, pg_get_expr(relpartbound, oid), relowner::regrole,
    relacl, relrowsecurity, relforcerowsecurity,
    CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid)
    WHEN relkind IN ('i', 'I') THEN
        pg_get_indexdef(oid) || (SELECT format(' valid %s', indisvalid)
        FROM pg_index WHERE indexrelid = relations.oid)
    WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END
)
FROM relations
UNION ALL
SELECT format(
    'column %s.%s %s %s %s%s null %s rights %s', name, attname,
    format_type(atttypid, atttypmod), pg_get_expr(adbin, adrelid), attidentity,
    attgenerated, NOT attnotnull, attacl
)
FROM relations
JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = relations.oid AND adnum = attnum
WHERE relkind <> ALL ('{i,I}')
UNION ALL
SELECT format(
    'sequence %s %s', seqrelid::regclass,
    row(seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcycle)
)
FROM pg_sequence JOIN relations ON relations.oid = seqrelid
UNION ALL
SELECT format(
    'constraint %s on %s %s %s valid %s', conname, conrelid::regclass,
    contypid::regtype, pg_get_constraintdef(oid), convalidated
)
FROM pg_constraint WHERE connamespace IN (TABLE ours)
UNION ALL
SELECT format('trigger on %s %s enabled %s', name, pg_get_triggerdef(pg_trigger.oid), tgenabled)
FROM relations JOIN pg_trigger ON tgrelid = relations.oid WHERE NOT tgisinternal
UNION ALL
SELECT format(
    'policy %s on %s %s', polname, name,
    row(polcmd, polpermissive, polroles::regrole[],
    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
)
FROM relations JOIN pg_policy ON polrelid = relations.oid
UNION ALL
SELECT format('rule %s', pg_get_ruledef(pg_rewrite.oid))
FROM relations JOIN pg_rewrite ON ev_class = relations.oid WHERE rulename <> '_RETURN'
UNION ALL
SELECT format('statistics %s', pg_get_statisticsobjdef(oid))
FROM pg_statistic_ext WHERE stxnamespace IN (TABLE ours)
UNION ALL
SELECT format(
    'function %s rights %s %s', name, proacl,
    CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END
)
FROM functions
UNION ALL
SELECT format(
    'type %s %s of %s default %s rights %s labels %s', typtype, oid::regtype,
    typbasetype::regtype, typdefault, typacl,
    (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = pg_type.oid)
)
FROM pg_type WHERE typnamespace IN (TABLE ours)
UNION ALL
SELECT format('default rights of %s %s %s', defaclrole::regrole, defaclobjtype, defaclacl)
FROM pg_default_acl WHERE defaclnamespace = 0 OR defaclnamespace IN (TABLE ours)
UNION ALL
SELECT pg_describe_object(classid, objid, 0) FROM described
UNION ALL
SELECT format('large object %s', oid) FROM pg_largeobject_metadata
UNION ALL
SELECT format('comment on %s: %s', pg_describe_object(classoid, objoid, objsubid), description)
FROM pg_description
WHERE (classoid = 'pg_class'::regclass AND objoid IN (SELECT oid FROM relations))
OR (classoid = 'pg_proc'::regclass AND objoid IN (SELECT oid FROM functions))
OR (objoid >= 16384 AND classoid <> ALL ('{pg_class,pg_proc}'::regclass[]::oid[]))
"""


async def snapshot(
    connection: asyncpg.Connection, *, ignoring: Iterable[str] = ("asyncmigrate",)
) -> frozenset[str]:
    """A line for every object of the database, but for those in schemas to ignore."""
    async with connection.transaction(readonly=True):
        # Nothing is on the path, so every name comes with its schema.
        await connection.execute("SET LOCAL search_path = pg_catalog")
        return frozenset(
            row[0] for row in await connection.fetch(OBJECTS, list(ignoring))
        )
