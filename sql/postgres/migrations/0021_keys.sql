-- Which version applied a migration, so that an older one can name it; and keys that are given up.

ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS applied_by text;

-- Up to where the keys of a stream have been given up: the proof has nothing to show below it.
CREATE TABLE forgotten_key (
    stream text NOT NULL PRIMARY KEY,
    through_seq bigint NOT NULL,
    received_until timestamptz NOT NULL,
    keys bigint NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE forgotten_key IS
'Of each stream, how many keys retention has deleted, and the last of them';

-- As before; but a plan may compute the day of what it leaves out afterwards, such as an index.
CREATE OR REPLACE VIEW day_partition AS
SELECT
    parent.relname AS table_name,
    child.relname AS partition_name,
    to_date(substring(child.relname FROM '_p(\d{8})(?:_\d+)?$'), 'YYYYMMDD') AS occurred_on
FROM pg_inherits AS inheritance
INNER JOIN pg_class AS parent ON inheritance.inhparent = parent.oid
INNER JOIN pg_class AS child ON inheritance.inhrelid = child.oid
INNER JOIN pg_namespace AS namespace ON parent.relnamespace = namespace.oid
WHERE
    namespace.nspname = current_schema()
    AND parent.relkind = 'p'
    AND child.relname ~ ('^' || parent.relname || '_p\d{8}(_\d+)?$');

-- The ledger of days that PostgreSQL has dropped: nothing waits there, and nothing of it is read.
DELETE FROM intake_batch_day
WHERE
    occurred_on IN (
        SELECT occurred_on FROM archived_day
        WHERE table_name = 'event_inbox'
    )
    AND occurred_on NOT IN (SELECT occurred_on FROM day_partition);

DELETE FROM flat_batch
WHERE
    occurred_on IN (SELECT occurred_on FROM archived_day)
    AND occurred_on NOT IN (SELECT occurred_on FROM day_partition);
