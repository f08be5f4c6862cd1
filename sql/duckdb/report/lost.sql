-- Output that was lost
--
-- Tokens that were counted, and nobody got: most first.
SELECT
    origin,
    slot,
    model,
    status,
    coalesce(error_kind, finish_reason) AS reason,
    sum_of(requests) AS requests,
    sum_of(output_tokens) AS output_tokens,
    sum_of(reasoning_only) AS reasoning_only,
    sum_of(kept) AS kept
FROM daily_lost_output
WHERE
    day BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND local_day = getvariable('day')
GROUP BY ALL
ORDER BY
    output_tokens DESC NULLS LAST, origin ASC, slot ASC, model ASC, status ASC, reason ASC
LIMIT 20;
