-- The batches of the landed events.
INSERT INTO intake_batch_day (occurred_on, batch_id, events)
SELECT
    occurred_on,
    batch_id,
    count(*)
FROM event_inbox
WHERE occurred_on = %(day)s AND stream_seq >= %(first_no)s
GROUP BY occurred_on, batch_id;
