-- What became of a recipe's jobs on a day, by slot and status; the curve is each twentieth.
SELECT
    slot,
    status,
    count(*) AS jobs,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY total_ms) AS total_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY total_ms) AS total_p95_ms,
    percentile_cont(
        '{0,.05,.1,.15,.2,.25,.3,.35,.4,.45,.5,.55,.6,.65,.7,.75,.8,.85,.9,.95,1}'::float8[]
    ) WITHIN GROUP (ORDER BY total_ms) AS total_ms_curve,
    sum(pg_column_size(inference_result))::bigint AS bytes
FROM inference_result
WHERE recipe = %(recipe)s AND kind = %(kind)s AND occurred_on = %(day)s
GROUP BY slot, status
ORDER BY slot, status;
