-- Where were tokens counted and nothing delivered, and is the raw text kept?
SELECT
    origin,
    slot,
    model,
    status,
    finish_reason,
    error_kind,
    sum_of(requests) AS requests,
    sum_of(output_tokens) AS output_tokens,
    sum_of(reasoning_only) AS reasoning_only,
    sum_of(kept) AS kept,
    sum_of(nothing_kept) AS nothing_kept
FROM daily_lost_output
WHERE day BETWEEN getvariable('since') AND getvariable('until')
GROUP BY origin, slot, model, status, finish_reason, error_kind
ORDER BY
    output_tokens DESC NULLS LAST,
    origin ASC,
    slot ASC,
    model ASC,
    status ASC,
    finish_reason ASC,
    error_kind ASC;
