-- The day's requests of a kind that have no reply yet and are not among the known ones: interactive
-- ones or batch ones, in the order in which they came; as text, since each is read on its own.
SELECT
    asked.event_id,
    asked.correlation_id,
    asked.request::text AS request
FROM llm_request AS asked
LEFT JOIN request_reply AS replied ON asked.event_id = replied.request_event_id
WHERE
    asked.occurred_on = %(day)s
    AND asked.kind = %(kind)s
    AND (asked.priority IS NOT DISTINCT FROM 'batch') = %(batch)s
    AND asked.event_id <> all(%(known)s)
    AND replied.request_event_id IS NULL
ORDER BY asked.occurred_at, asked.event_id
LIMIT %(max_rows)s;
