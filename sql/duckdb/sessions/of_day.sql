-- Which of these sessions have events on a day.
SELECT DISTINCT correlation_id
FROM event_inbox
WHERE
    occurred_on = $day
    AND correlation_id IN (SELECT correlation_id FROM session_under_way);
