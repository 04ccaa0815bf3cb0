# ruff: noqa: S608 - these texts are written here, from words that stand here
"""The backend of a service that firms subscribe to: pairs, plain numbers, 100 and more.

Tables first, then what a product's second and third year bring: columns, indexes,
enums that grow, defaults that change, rows that are rewritten, jsonb that is taken
apart.
"""

from tests.sets.writing import Pairs, Texts

TABLES = {
    "organisations": "name text NOT NULL, slug text NOT NULL UNIQUE",
    "users": "email text NOT NULL, password_hash text, name text NOT NULL DEFAULT ''",
    "memberships": """organisation_id bigint NOT NULL REFERENCES organisations,
    user_id bigint NOT NULL REFERENCES users, UNIQUE (organisation_id, user_id)""",
    "invitations": """organisation_id bigint NOT NULL REFERENCES organisations,
    email text NOT NULL, token text NOT NULL UNIQUE""",
    "sessions": "user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, ip inet",
    "api_keys": """organisation_id bigint NOT NULL REFERENCES organisations,
    digest bytea NOT NULL UNIQUE""",
    "plans": "code text NOT NULL UNIQUE, price_cents integer NOT NULL",
    "subscriptions": """organisation_id bigint NOT NULL REFERENCES organisations,
    plan_id bigint NOT NULL REFERENCES plans""",
    "invoices": """subscription_id bigint NOT NULL REFERENCES subscriptions,
    total_cents bigint NOT NULL DEFAULT 0, period daterange""",
    "invoice_lines": """invoice_id bigint NOT NULL REFERENCES invoices ON DELETE CASCADE,
    description text NOT NULL, amount_cents integer NOT NULL""",
    "payments": """invoice_id bigint NOT NULL REFERENCES invoices,
    provider_ref text, amount_cents bigint NOT NULL CHECK (amount_cents > 0)""",
    "projects": """organisation_id bigint NOT NULL REFERENCES organisations,
    name text NOT NULL""",
    "labels": "project_id bigint NOT NULL REFERENCES projects, colour char(6)",
    "tickets": """project_id bigint NOT NULL REFERENCES projects,
    assignee_id bigint REFERENCES users ON DELETE SET NULL, title text NOT NULL""",
    "ticket_labels": """ticket_id bigint NOT NULL REFERENCES tickets ON DELETE CASCADE,
    label_id bigint NOT NULL REFERENCES labels ON DELETE CASCADE""",
    "comments": """ticket_id bigint NOT NULL REFERENCES tickets ON DELETE CASCADE,
    author_id bigint NOT NULL REFERENCES users, body text NOT NULL""",
    "attachments": """comment_id bigint NOT NULL REFERENCES comments ON DELETE CASCADE,
    path text NOT NULL, bytes bigint NOT NULL""",
    "webhooks": """organisation_id bigint NOT NULL REFERENCES organisations,
    url text NOT NULL CHECK (url LIKE 'https://%')""",
    "deliveries": """webhook_id bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    payload jsonb NOT NULL""",
    "audit_logs": "actor_id bigint REFERENCES users, action text NOT NULL, data jsonb",
    "jobs": "queue text NOT NULL DEFAULT 'default', args jsonb NOT NULL DEFAULT '[]'",
    "feature_flags": "name text NOT NULL UNIQUE, rules jsonb NOT NULL DEFAULT '{}'",
}

ENUMS = {
    "membership_role": ("memberships", "role", "owner admin member"),
    "invitation_state": ("invitations", "state", "open taken expired"),
    "subscription_state": ("subscriptions", "state", "trial active past_due ended"),
    "invoice_state": ("invoices", "state", "draft open paid void"),
    "ticket_state": ("tickets", "state", "open doing done"),
    "job_state": ("jobs", "state", "queued running done failed"),
}

COLUMNS = [
    ("users", "locale", "text NOT NULL DEFAULT 'en'"),
    ("users", "settings", 'jsonb NOT NULL DEFAULT \'{"theme": "light"}\''),
    ("users", "last_seen_at", "timestamptz"),
    ("users", "avatar_path", "text CHECK (avatar_path <> '')"),
    ("organisations", "billing_email", "text"),
    ("organisations", "limits", "jsonb NOT NULL DEFAULT '{}'"),
    ("organisations", "parent_id", "bigint REFERENCES organisations"),
    ("sessions", "expires_at", "timestamptz NOT NULL DEFAULT now() + '30 days'"),
    ("api_keys", "scopes", "text[] NOT NULL DEFAULT '{}'"),
    ("plans", "features", "jsonb NOT NULL DEFAULT '[]'"),
    ("subscriptions", "cancelled_at", "timestamptz"),
    ("invoices", "number", "text UNIQUE"),
    ("invoices", "paid_at", "timestamptz"),
    ("payments", "fee_cents", "integer NOT NULL DEFAULT 0"),
    ("projects", "archived_at", "timestamptz"),
    ("projects", "key", "varchar(8)"),
    ("tickets", "due_on", "date"),
    ("tickets", "priority", "smallint NOT NULL DEFAULT 3"),
    ("comments", "edited_at", "timestamptz"),
    ("attachments", "content_type", "text NOT NULL DEFAULT 'application/octet-stream'"),
    ("webhooks", "secret", "bytea"),
    ("deliveries", "attempts", "integer NOT NULL DEFAULT 0"),
    ("jobs", "run_at", "timestamptz NOT NULL DEFAULT now()"),
    ("jobs", "locked_by", "text"),
]

INDEXES = [
    ("users", "CREATE UNIQUE INDEX users_email_lower ON users (lower(email))"),
    ("users", "CREATE INDEX users_settings ON users USING gin (settings)"),
    ("memberships", "CREATE INDEX memberships_user ON memberships (user_id)"),
    ("sessions", "CREATE INDEX sessions_user ON sessions (user_id, created_at DESC)"),
    ("invoices", "CREATE INDEX invoices_subscription ON invoices (subscription_id)"),
    ("invoices", "CREATE INDEX invoices_period ON invoices USING gist (period)"),
    ("payments", "CREATE INDEX payments_invoice ON payments (invoice_id)"),
    (
        "tickets",
        "CREATE INDEX tickets_open ON tickets (project_id) WHERE state = 'open'",
    ),
    ("tickets", "CREATE INDEX tickets_assignee ON tickets (assignee_id, due_on)"),
    (
        "comments",
        "CREATE INDEX comments_ticket ON comments (ticket_id) INCLUDE (author_id)",
    ),
    (
        "deliveries",
        "CREATE INDEX deliveries_event ON deliveries ((payload ->> 'event'))",
    ),
    (
        "audit_logs",
        "CREATE INDEX audit_logs_time ON audit_logs USING brin (created_at)",
    ),
    ("jobs", "CREATE INDEX jobs_due ON jobs (queue, run_at) WHERE locked_by IS NULL"),
    ("projects", "CREATE UNIQUE INDEX projects_key ON projects (organisation_id, key)"),
]

DATA = [
    (
        "seed_plans",
        """INSERT INTO plans (code, price_cents, features) VALUES
    ('free', 0, '["tickets"]'), ('team', 900, '["tickets", "webhooks"]'),
    ('firm', 2900, '["tickets", "webhooks", "audit; and more"]');""",
        "DELETE FROM plans WHERE code IN ('free', 'team', 'firm');",
    ),
    (
        "seed_house_organisation",
        """INSERT INTO organisations (name, slug) VALUES ('The House''s own', 'house');
INSERT INTO users (email, name, settings)
SELECT format('person%s@example.org', n), 'Person ' || n, jsonb_build_object('n', n)
FROM generate_series(1, 50) AS n;
INSERT INTO memberships (organisation_id, user_id)
SELECT organisations.id, users.id FROM organisations CROSS JOIN users;""",
        "DELETE FROM memberships;\nDELETE FROM users;\nDELETE FROM organisations;",
    ),
    (
        "raise_team_price",
        "UPDATE plans SET price_cents = price_cents + 100 WHERE code = 'team';",
        "UPDATE plans SET price_cents = price_cents - 100 WHERE code = 'team';",
    ),
    (
        "fill_in_locale_settings",
        """UPDATE users SET settings = settings || jsonb_build_object('locale', locale)
WHERE NOT settings ? 'locale';""",
        "UPDATE users SET settings = settings - 'locale';",
    ),
    (
        "first_member_owns",
        """WITH firsts AS (
    SELECT DISTINCT ON (organisation_id) id FROM memberships ORDER BY organisation_id, id
)
UPDATE memberships SET role = 'owner' FROM firsts WHERE firsts.id = memberships.id;""",
        "UPDATE memberships SET role = 'member';",
    ),
    (
        "flags_for_the_house",
        """INSERT INTO feature_flags (name, rules)
SELECT name, '{"percent": 0, "note": "off; by default -- for now"}'
FROM unnest(ARRAY['boards', 'sso', 'dark_mode']) AS name
ON CONFLICT (name) DO NOTHING;""",
        "DELETE FROM feature_flags WHERE name IN ('boards', 'sso', 'dark_mode');",
    ),
]


def migrations() -> Texts:
    """All of the set's files."""
    pairs = Pairs()
    for table, columns in TABLES.items():
        pairs.add(
            f"create_{table}",
            f"CREATE TABLE IF NOT EXISTS {table} (\n    id bigserial PRIMARY KEY,\n"
            f"    {columns},\n    created_at timestamptz NOT NULL DEFAULT now()\n);",
            f"DROP TABLE IF EXISTS {table};",
        )
    for enum, (table, column, words) in ENUMS.items():
        labels = ", ".join(f"'{word}'" for word in words.split())
        first = words.split()[-1 if enum == "membership_role" else 0]
        pairs.add(
            f"add_{column}_to_{table}",
            f"CREATE TYPE {enum} AS ENUM ({labels});\n"
            f"ALTER TABLE {table} ADD COLUMN {column} {enum} NOT NULL DEFAULT '{first}';",
            f"ALTER TABLE {table} DROP COLUMN {column};\nDROP TYPE {enum};",
        )
    for table, column, kind in COLUMNS:
        pairs.add(
            f"add_{table}_{column}",
            f"ALTER TABLE {table} ADD COLUMN {column} {kind};",
            f"ALTER TABLE {table} DROP COLUMN IF EXISTS {column};",
        )
    for table, index in INDEXES:
        name = index.split(" ON ")[0].split()[-1]
        pairs.add(f"index_{table}_{name}", f"{index};", f"DROP INDEX {name};")
    for name, up, down in DATA:
        pairs.add(name, up, down)
    for table in TABLES:
        _stamp(pairs, table)
    _later_years(pairs)
    return pairs.texts


def _stamp(pairs: Pairs, table: str) -> None:
    pairs.add(
        f"add_{table}_updated_at",
        f"""
        BEGIN;
        ALTER TABLE {table} ADD COLUMN updated_at timestamptz;
        UPDATE {table} SET updated_at = created_at;
        ALTER TABLE {table} ALTER COLUMN updated_at SET DEFAULT now();
        ALTER TABLE {table} ALTER COLUMN updated_at SET NOT NULL;
        COMMIT;
        """,
        f"ALTER TABLE {table} DROP COLUMN updated_at;",
    )


def _later_years(pairs: Pairs) -> None:
    pairs.add(
        "rename_attachments_path",
        "ALTER TABLE attachments RENAME COLUMN path TO object_key;",
        "ALTER TABLE attachments RENAME COLUMN object_key TO path;",
    )
    pairs.add(
        "widen_invoice_line_amounts",
        "ALTER TABLE invoice_lines ALTER COLUMN amount_cents TYPE bigint;",
        "ALTER TABLE invoice_lines ALTER COLUMN amount_cents TYPE integer;",
    )
    pairs.add(
        "split_user_settings",
        """
        CREATE TABLE user_settings (
            user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
            name text NOT NULL,
            value jsonb NOT NULL,
            PRIMARY KEY (user_id, name)
        );
        INSERT INTO user_settings (user_id, name, value)
        SELECT users.id, each.key, each.value
        FROM users CROSS JOIN LATERAL jsonb_each(users.settings) AS each;
        """,
        "DROP TABLE user_settings;",
    )
    pairs.add(
        "payments_add_up",
        """
        CREATE FUNCTION invoice_balance(invoice bigint) RETURNS bigint
        LANGUAGE sql STABLE AS $$
            SELECT i.total_cents - coalesce(sum(p.amount_cents), 0)::bigint
            FROM invoices AS i LEFT JOIN payments AS p ON p.invoice_id = i.id
            WHERE i.id = invoice GROUP BY i.id;
        $$;
        COMMENT ON FUNCTION invoice_balance(bigint) IS 'what is still owed; in cents';
        """,
        "DROP FUNCTION invoice_balance(bigint);",
    )
    pairs.add(
        "ticket_labels_key",
        "ALTER TABLE ticket_labels DROP CONSTRAINT ticket_labels_pkey,"
        " ADD CONSTRAINT ticket_labels_pkey PRIMARY KEY (ticket_id, label_id);",
        "ALTER TABLE ticket_labels DROP CONSTRAINT ticket_labels_pkey,"
        " ADD CONSTRAINT ticket_labels_pkey PRIMARY KEY (id);",
    )
    pairs.add(
        "deferrable_parent",
        "ALTER TABLE organisations ALTER CONSTRAINT organisations_parent_id_fkey"
        " DEFERRABLE INITIALLY DEFERRED;",
        "ALTER TABLE organisations ALTER CONSTRAINT organisations_parent_id_fkey"
        " NOT DEFERRABLE;",
    )
    pairs.add(
        "overdue_view",
        "CREATE VIEW overdue AS SELECT id, total_cents FROM invoices"
        " WHERE state = 'open' AND upper(period) < current_date;",
        "DROP VIEW overdue;",
    )
