-- The version of a day, and which file of the lake has what PostgreSQL dropped of it last.
SELECT
    (
        SELECT version
        FROM lake_version
        WHERE table_name = %(table)s AND occurred_on = %(day)s
    ) AS version,
    (
        SELECT max(archive_no)
        FROM archived_day
        WHERE table_name = %(table)s AND occurred_on = %(day)s
    ) AS archive_no,
    (
        SELECT version
        FROM archived_day
        WHERE table_name = %(table)s AND occurred_on = %(day)s
        ORDER BY archive_no DESC
        LIMIT 1
    ) AS archived_version;
