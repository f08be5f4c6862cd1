-- Quarantined messages
SELECT
    reason,
    subject,
    count(*) AS messages,
    count(*) FILTER (WHERE replayed_at IS NOT NULL) AS replayed
FROM event_quarantine
WHERE
    occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND received_at >= getvariable('since')
    AND received_at < getvariable('until')
GROUP BY reason, subject
ORDER BY messages DESC, reason ASC, subject ASC
LIMIT 20;
