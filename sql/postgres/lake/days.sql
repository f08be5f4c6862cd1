-- Days of a table that PostgreSQL has, or has dropped: what the lake should hold of them.
WITH dropped AS (
    SELECT
        table_name,
        occurred_on,
        max(archive_no) AS layers,
        (array_agg(version ORDER BY archive_no DESC))[1] AS version,
        array_agg(row_count ORDER BY archive_no) AS row_counts
    FROM archived_day
    GROUP BY table_name, occurred_on
)

SELECT
    known.occurred_on,
    known.version,
    coalesce(dropped.layers, 0) AS layer,
    dropped.version AS dropped_version,
    coalesce(dropped.row_counts, '{}') AS dropped_rows
FROM lake_version AS known
LEFT JOIN dropped
    ON known.table_name = dropped.table_name AND known.occurred_on = dropped.occurred_on
WHERE known.table_name = %(table)s
ORDER BY known.occurred_on;
