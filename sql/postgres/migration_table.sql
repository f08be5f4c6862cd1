CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text
);

-- Of a database from before it was noted.
ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS applied_by text;
