-- The batches of the preloaded events.
INSERT INTO intake_batch_day (occurred_on, batch_id, events)
SELECT
    occurred_on,
    batch_id,
    count(*)
FROM event_inbox
GROUP BY occurred_on, batch_id;
