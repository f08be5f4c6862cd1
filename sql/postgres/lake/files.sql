-- What is known of a day of a table, or summary.
SELECT
    layer,
    first_no,
    last_no,
    crc32,
    byte_count,
    extract(EPOCH FROM published_at)::float AS published_at,
    covered_by,
    buried_at
FROM lake_file
WHERE lake = %(lake)s AND table_name = %(table)s AND occurred_on = %(day)s;
