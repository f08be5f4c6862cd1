-- The files of a table that are worth reading, from one listing: those that no other of the same
-- day and layer covers, by their names in the folder. lake/place.py does the same in Python.
-- What is no file of the lake is ignored, whatever it holds.
CREATE MACRO live_files(path_pattern, folder) AS TABLE -- noqa: CP05
    WITH listed AS MATERIALIZED (
        SELECT
            parse_filename(file) AS name,
            string_split(parse_filename(file, TRUE), '.')[1] AS day,
            string_split(string_split(parse_filename(file, TRUE), '.')[2], '-')[1]::INTEGER
                AS layer,
            string_split(string_split(parse_filename(file, TRUE), '.')[2], '-')[2]::INTEGER
                AS first_no,
            string_split(string_split(parse_filename(file, TRUE), '.')[2], '-')[3]::INTEGER
                AS last_no
        FROM glob(path_pattern)
        WHERE is_lake_file(file, folder)
    )

    SELECT listed.name
    FROM listed
    WHERE NOT EXISTS (
        SELECT 1
        FROM listed AS wider
        WHERE
            wider.day = listed.day
            AND wider.layer = listed.layer
            AND wider.first_no <= listed.first_no
            AND wider.last_no >= listed.last_no
            AND (wider.last_no - wider.first_no, wider.name)
            > (listed.last_no - listed.first_no, listed.name)
    );
