-- Messages of a day that could not be accepted, by reason and subject.
--
-- Their day is that on which JetStream stored them: what they say of their own time may be wrong.
SELECT
    occurred_on AS day,
    reason,
    subject,
    count(*) AS messages,
    count(*) FILTER (WHERE replayed_at IS NOT NULL) AS replayed, -- and in the inbox now
    sum_of(octet_length(raw)) AS raw_bytes,
    min(received_at) AS first_received_at,
    max(received_at) AS last_received_at
FROM event_quarantine
WHERE occurred_on = $day
GROUP BY day, reason, subject
ORDER BY day, reason, subject;
