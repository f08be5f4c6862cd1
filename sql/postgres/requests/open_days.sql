-- Days, of some, with requests of a kind that have no reply yet.
SELECT DISTINCT asked.occurred_on
FROM llm_request AS asked
LEFT JOIN request_reply AS replied ON asked.event_id = replied.request_event_id
WHERE
    asked.kind = %(kind)s
    AND asked.occurred_on BETWEEN %(first)s AND %(last)s
    AND replied.request_event_id IS NULL;
