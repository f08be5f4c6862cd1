-- What did each recipe get for its requests: rows kept, rows rejected, tokens spent on each?
SELECT
    recipe,
    count(*) AS jobs,
    count(*) FILTER (WHERE status = 'ok') AS ok,
    count(*) FILTER (WHERE status = 'rejected') AS rejected,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    mode(error_kind) AS usual_error,
    sum_of(output_tokens) AS output_tokens,
    sum_of(output_tokens) / nullif(count(*) FILTER (WHERE status = 'ok'), 0) AS tokens_per_kept_row,
    sum(total_ms) / 1000 AS slot_s
FROM inference_result
GROUP BY recipe
ORDER BY jobs DESC, recipe ASC;
