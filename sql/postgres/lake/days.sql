-- Days of a table that PostgreSQL has, or has dropped: what the lake should hold of them.
WITH known AS (
    SELECT
        occurred_on,
        version
    FROM lake_version
    WHERE table_name = %(table)s
),

dropped AS (
    SELECT
        occurred_on,
        max(archive_no) AS layers,
        (array_agg(version ORDER BY archive_no DESC))[1] AS version,
        array_agg(row_count ORDER BY archive_no) AS row_counts
    FROM archived_day
    WHERE table_name = %(table)s
    GROUP BY occurred_on
)

SELECT
    coalesce(known.occurred_on, dropped.occurred_on) AS occurred_on,
    -- Without a ledger (nothing has come since) it is as it was dropped.
    coalesce(known.version, dropped.version) AS version,
    coalesce(dropped.layers, 0) AS layer,
    dropped.version AS dropped_version,
    coalesce(dropped.row_counts, '{}') AS dropped_rows
FROM known
FULL JOIN dropped ON known.occurred_on = dropped.occurred_on
ORDER BY occurred_on;
