-- Retention: days that PostgreSQL gives up once the lake holds them.

-- Now says which table the day has, so that a batch can go straight into it.
DROP FUNCTION ensure_day_partition(text, date);

CREATE FUNCTION ensure_day_partition(parent text, day date) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    child text := parent || '_p' || to_char(day, 'YYYYMMDD');
BEGIN
    IF to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN child;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(child, 0));
    -- Asked of the catalog's tables: to_regclass() would give its first answer again, from a cache.
    IF EXISTS (
        SELECT FROM pg_inherits
        INNER JOIN pg_class ON pg_inherits.inhrelid = pg_class.oid
        WHERE pg_inherits.inhparent = parent::regclass AND pg_class.relname = child
    ) THEN
        RETURN child;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, child, day, day + 1
    );
    RETURN child;
END
$$;

-- A batch's rows lie together, so block ranges find them at a fraction of a B-tree's upkeep.
DROP INDEX event_inbox_batch;
CREATE INDEX event_inbox_batch ON event_inbox USING brin (batch_id) WITH (
    pages_per_range = 32, autosummarize = on
);

-- Which day each partition of the inbox and of the flat tables holds.
CREATE VIEW day_partition AS
SELECT
    parent.relname AS table_name,
    child.relname AS partition_name,
    to_date(right(child.relname, 8), 'YYYYMMDD') AS occurred_on
FROM pg_inherits AS inheritance
INNER JOIN pg_class AS parent ON inheritance.inhparent = parent.oid
INNER JOIN pg_class AS child ON inheritance.inhrelid = child.oid
INNER JOIN pg_namespace AS namespace ON parent.relnamespace = namespace.oid
WHERE
    namespace.nspname = current_schema()
    AND parent.relkind = 'p'
    AND child.relname = parent.relname || '_p' || right(child.relname, 8);

-- What was dropped, and which file of the lake has it. A day may come again with late events, and
-- be dropped again: then it has several files.
CREATE TABLE archived_day (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    archive_no integer NOT NULL,
    version text NOT NULL,
    row_count bigint NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, occurred_on, archive_no)
);
