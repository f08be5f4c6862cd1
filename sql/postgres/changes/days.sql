-- Days that changed since they were summarized, and the snapshot that sees these changes.
SELECT
    pg_current_snapshot()::text AS seen,
    array(
        SELECT DISTINCT occurred_on
        FROM day_change
        ORDER BY occurred_on
    ) AS days;
