-- The event that a flat table refused, as the inbox has it; nothing once its day is dropped.
SELECT
    inbox.subject,
    inbox.payload::text AS payload
FROM flat_refused AS refused
INNER JOIN event_inbox AS inbox
    ON
        refused.occurred_on = inbox.occurred_on
        AND refused.batch_id = inbox.batch_id
        AND refused.event_id = inbox.event_id
WHERE refused.refused_id = %(refused_id)s;
