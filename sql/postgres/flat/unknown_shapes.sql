-- Rows of a day in which nothing could be read.
SELECT
    count(*) FILTER (WHERE shape = 'unknown') AS unknown_rows,
    count(*) AS all_rows,
    (array_agg(event_id ORDER BY event_id) FILTER (WHERE shape = 'unknown'))[1:10] AS examples
FROM (%(rows)s) AS flat;
