-- Replayed is what has landed itself: a key is the one of its message.
UPDATE event_quarantine AS quarantined
SET replayed_at = now()
FROM event_key AS known
WHERE
    quarantined.quarantine_id = any(%(quarantine_ids)s)
    AND quarantined.replayed_at IS NULL
    AND quarantined.stream = known.stream
    AND quarantined.stream_seq = known.stream_seq
    AND quarantined.received_at = known.received_at;
