-- Prompts read again
--
-- Although the server had read them: by what broke the prefix, most tokens first.
SELECT
    slot,
    model,
    cause,
    sum_of(misses) AS misses,
    sum_of(reread_tokens) AS reread_tokens,
    sum(reread_s) AS reread_s,
    sum(cost) AS cost
FROM daily_cache_misses
WHERE
    day BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND local_day = getvariable('day')
GROUP BY slot, model, cause
ORDER BY reread_tokens DESC NULLS LAST, misses DESC, slot ASC, model ASC, cause ASC
LIMIT 20;
