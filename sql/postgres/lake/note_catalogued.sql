-- The Iceberg catalog has these files now, or has them no more.
UPDATE lake_file
SET
    catalogued_at = coalesce(catalogued_at, to_timestamp(%(at)s)),
    uncatalogued_at = CASE WHEN NOT %(is_catalogued)s THEN to_timestamp(%(at)s) END
FROM
    unnest(
        %(days)s::date[], %(layers)s::int[], %(firsts)s::int[], %(lasts)s::int[], %(crcs)s::bigint[]
    ) AS told (occurred_on, layer, first_no, last_no, crc32)
WHERE
    lake_file.lake = %(lake)s AND lake_file.table_name = %(table)s
    AND lake_file.occurred_on = told.occurred_on
    AND lake_file.layer = told.layer
    AND lake_file.first_no = told.first_no
    AND lake_file.last_no = told.last_no
    AND lake_file.crc32 = told.crc32;
