-- Days whose live file was made by other code than today's. `names` and `codes` go together.
SELECT
    file.table_name,
    file.occurred_on
FROM lake_file AS file
INNER JOIN
    unnest(%(names)s::text[], %(codes)s::text[]) AS summary (name, code)
    ON file.table_name = summary.name
WHERE file.lake = %(lake)s AND file.covered_by IS NULL AND file.code <> summary.code
ORDER BY file.occurred_on DESC, file.table_name ASC;
