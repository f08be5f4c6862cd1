SELECT
    refused_id,
    table_name,
    occurred_on,
    event_id,
    reason,
    detail,
    refused_at
FROM flat_refused
WHERE
    (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(table)s::text IS NULL OR table_name = %(table)s)
    AND (%(day)s::date IS NULL OR occurred_on = %(day)s)
    AND (%(refused_ids)s::bigint[] IS NULL OR refused_id = any(%(refused_ids)s))
ORDER BY refused_id DESC
LIMIT %(max_rows)s;
