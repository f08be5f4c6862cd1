-- What is known of a table, or summary, and of the Iceberg catalog that is derived of it: of a day,
-- or of every day.
SELECT
    occurred_on,
    layer,
    first_no,
    last_no,
    crc32,
    row_count,
    catalogued_at IS NOT NULL AND uncatalogued_at IS NULL AS is_catalogued,
    extract(EPOCH FROM uncatalogued_at)::float AS uncatalogued_at
FROM lake_file
WHERE
    lake = %(lake)s AND table_name = %(table)s
    AND (%(day)s::date IS NULL OR occurred_on = %(day)s);
