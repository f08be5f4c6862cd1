SELECT
    attname::text AS column_name,
    format_type(atttypid, NULL) AS data_type
FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;
