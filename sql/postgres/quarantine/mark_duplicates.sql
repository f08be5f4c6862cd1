-- Those whose content the inbox has under their id, from another message: nothing is left to do.
UPDATE event_quarantine AS quarantined
SET duplicate_of = known.event_id
FROM event_duplicate AS known
WHERE
    quarantined.quarantine_id = any(%(quarantine_ids)s)
    AND quarantined.replayed_at IS NULL
    AND quarantined.duplicate_of IS NULL
    AND quarantined.stream = known.stream
    AND quarantined.stream_seq = known.stream_seq
    AND quarantined.received_at = known.received_at;
