SELECT coalesce(sum(events), 0)::bigint AS events
FROM intake_batch_day
WHERE occurred_on = %(day)s AND batch_id = any(%(batches)s);
