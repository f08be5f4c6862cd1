-- Whether a path is that of a file of the lake, in this folder itself.
CREATE MACRO is_lake_file(path, folder) AS ( -- noqa: CP05
    path = folder || '/' || parse_filename(path)
    AND regexp_full_match(
        parse_filename(path), 'day=\d{4}-\d\d-\d\d\.\d+-\d+-\d+-[0-9a-f]{8}\.parquet'
    )
    AND lake_day(path) IS NOT NULL
);
