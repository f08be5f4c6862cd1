-- The files of a table that are worth reading, from one listing: those that no other of the same
-- day and layer covers. store/lake/place.py does the same in Python.
CREATE MACRO live_files(pattern) AS TABLE
WITH listed AS MATERIALIZED (
    SELECT
        file,
        parse_path(file)[-2] AS folder,
        TRY_CAST(split_part(parse_filename(file), '-', 1) AS INTEGER) AS layer,
        TRY_CAST(split_part(parse_filename(file), '-', 2) AS INTEGER) AS first_no,
        TRY_CAST(split_part(parse_filename(file), '-', 3) AS INTEGER) AS last_no
    FROM glob(pattern)
    WHERE parse_filename(file) LIKE '%-%.parquet'
)

SELECT listed.file AS filename
FROM listed
WHERE NOT EXISTS (
    SELECT 1
    FROM listed AS wider
    WHERE
        wider.folder = listed.folder
        AND wider.layer = listed.layer
        AND wider.first_no <= listed.first_no
        AND wider.last_no >= listed.last_no
        AND (wider.last_no - wider.first_no, wider.file)
        > (listed.last_no - listed.first_no, listed.file)
);
