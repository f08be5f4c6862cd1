-- Refusals that are to be tried again: of these ids, or all of the day. What PostgreSQL has dropped
-- with its day cannot be tried, and stays.
DELETE FROM flat_refused AS refused
USING event_inbox AS inbox
WHERE
    refused.table_name = %(table)s
    AND refused.occurred_on = %(day)s
    AND (%(refused_ids)s::bigint[] IS NULL OR refused.refused_id = any(%(refused_ids)s))
    AND inbox.occurred_on = %(day)s
    AND refused.batch_id = inbox.batch_id
    AND refused.event_id = inbox.event_id
RETURNING
    refused.event_id,
    refused.refused_id,
    refused.batch_id;
