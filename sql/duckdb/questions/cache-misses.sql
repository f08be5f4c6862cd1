-- What was read again although the server had read it, worst first: which message broke the prefix?
SELECT
    local_day AS day,
    coalesce(conversation_id, correlation_id) AS conversation,
    slot,
    model,
    cause,
    misses,
    reread_tokens,
    reread_s,
    cost,
    worst_event_id,
    worst_reread_tokens,
    worst_broken_at,
    worst_broken_role,
    worst_since_last_s
FROM daily_cache_misses
WHERE day BETWEEN getvariable('since') AND getvariable('until')
ORDER BY
    reread_tokens DESC NULLS LAST,
    misses DESC,
    local_day DESC,
    conversation ASC,
    slot ASC,
    cause ASC
LIMIT 50;
