-- What there is to say of a table's columns.
SELECT
    attname::text AS column_name,
    col_description(attrelid, attnum) AS comment
FROM pg_attribute
WHERE
    attrelid = to_regclass(%(table)s)
    AND attnum > 0
    AND NOT attisdropped
    AND col_description(attrelid, attnum) IS NOT NULL
ORDER BY attnum;
