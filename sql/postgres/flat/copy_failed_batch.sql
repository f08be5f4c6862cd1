INSERT INTO failed_batch
SELECT * -- noqa: AM04
FROM event_inbox
WHERE occurred_on = %(day)s AND batch_id = any(%(batches)s);
