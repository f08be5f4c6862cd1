-- Only what the inbox now holds counts as replayed.
UPDATE event_quarantine AS quarantined
SET replayed_at = now()
FROM unnest(%(quarantine_ids)s::bigint[], %(event_ids)s::text[])
    AS tried (quarantine_id, event_id)
INNER JOIN event_key ON tried.event_id = event_key.event_id
WHERE
    quarantined.quarantine_id = tried.quarantine_id
    AND quarantined.replayed_at IS NULL;
