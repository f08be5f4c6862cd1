-- What is known of a table, or summary: every day.
SELECT
    occurred_on,
    layer,
    first_no,
    last_no,
    crc32,
    byte_count,
    extract(EPOCH FROM published_at)::float AS published_at
FROM lake_file
WHERE lake = %(lake)s AND table_name = %(table)s;
