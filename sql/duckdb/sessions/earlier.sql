-- Which of today's sessions were under way on an earlier day: the next round's sessions.
SELECT DISTINCT correlation_id
FROM event_inbox
WHERE
    occurred_on = $day
    AND correlation_id IN (SELECT correlation_id FROM session_under_way);
