-- What changes when a day of a table changes: the lake compares it with what its file says.
CREATE VIEW lake_version AS
SELECT
    'event_inbox' AS table_name,
    occurred_on,
    count(*)::text || ':' || max(batch_id)::text AS version
FROM intake_batch_day
GROUP BY occurred_on
UNION ALL
SELECT
    table_name,
    occurred_on,
    version::text
FROM flat_day
UNION ALL
SELECT
    'inference_result' AS table_name,
    occurred_on,
    count(*)::text || ':' || max(landed_at)::text AS version
FROM inference_result
GROUP BY occurred_on;
