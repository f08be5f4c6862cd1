-- Which of these sessions have events on a day.
SELECT DISTINCT correlation_id AS key
FROM event_inbox
WHERE
    occurred_on = $day
    AND correlation_id IN (SELECT earlier.key FROM session_under_way AS earlier);
