-- The version of a day, how often PostgreSQL has dropped it, and at which version the last time.
SELECT
    (
        SELECT version
        FROM lake_version
        WHERE table_name = %(table)s AND occurred_on = %(day)s
    ) AS version,
    (
        SELECT coalesce(max(archive_no), 0)
        FROM archived_day
        WHERE table_name = %(table)s AND occurred_on = %(day)s
    ) AS layer,
    (
        SELECT version
        FROM archived_day
        WHERE table_name = %(table)s AND occurred_on = %(day)s
        ORDER BY archive_no DESC
        LIMIT 1
    ) AS dropped_version;
