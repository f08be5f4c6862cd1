-- Only what the inbox now holds counts as replayed.
WITH tried AS (
    SELECT
        unnest(%(quarantine_ids)s::bigint[]) AS quarantine_id,
        unnest(%(event_ids)s::text[]) AS event_id
)

UPDATE event_quarantine AS quarantined
SET replayed_at = now()
FROM tried
INNER JOIN event_key ON tried.event_id = event_key.event_id
WHERE
    quarantined.quarantine_id = tried.quarantine_id
    AND quarantined.replayed_at IS NULL;
