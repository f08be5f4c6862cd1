INSERT INTO archived_day (table_name, occurred_on, archive_no, version, row_count)
SELECT
    %(table)s,
    %(day)s,
    coalesce(max(archive_no), 0) + 1,
    %(version)s,
    %(rows)s
FROM archived_day
WHERE table_name = %(table)s AND occurred_on = %(day)s;
