-- A day's version rises when its rows change: a batch may have none for this table. Its build rises
-- when rows of batches that it had taken in before may have changed.
INSERT INTO flat_day AS known (table_name, occurred_on, version, row_count, flattened_at)
VALUES (%(table)s, %(day)s, 1, %(rows)s, now())
ON CONFLICT (table_name, occurred_on) DO UPDATE
    SET
        version = known.version + (%(rebuilt)s OR excluded.row_count > 0)::integer,
        build = known.build + (%(rebuilt)s OR %(retried)s)::integer,
        row_count = CASE WHEN %(rebuilt)s THEN 0 ELSE known.row_count END + excluded.row_count,
        flattened_at = excluded.flattened_at
RETURNING row_count;
