-- Quarantined messages
SELECT
    reason,
    subject,
    count(*) AS messages,
    count(*) FILTER (WHERE replayed_at IS NOT NULL) AS replayed
FROM event_quarantine
WHERE occurred_on = $day
GROUP BY reason, subject
ORDER BY messages DESC, reason ASC, subject ASC
LIMIT 20;
