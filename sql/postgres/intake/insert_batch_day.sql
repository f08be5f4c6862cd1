INSERT INTO intake_batch_day (occurred_on, batch_id, events)
VALUES (%(occurred_on)s, %(batch_id)s, %(events)s);
