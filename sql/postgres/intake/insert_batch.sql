WITH batch AS (
    INSERT INTO intake_batch (
        batch_id, run_id, life_id, stream, first_seq, last_seq, last_received_at, messages, landed,
        duplicates, redelivered, quarantined, markers, repaired, bytes
    )
    VALUES (
        %(batch_id)s, %(run_id)s, %(life_id)s, %(stream)s, %(first_seq)s, %(last_seq)s,
        %(last_received_at)s, %(messages)s, %(landed)s, %(duplicates)s, %(redelivered)s,
        %(quarantined)s, %(markers)s, %(repaired)s, %(bytes)s
    )
    RETURNING batch_id
)

INSERT INTO intake_batch_day (occurred_on, batch_id, events)
SELECT
    touched.occurred_on,
    batch.batch_id,
    touched.events
FROM batch
CROSS JOIN unnest(%(days)s::date[], %(events)s::integer[]) AS touched (occurred_on, events);
