-- Results since a moment, by the second in which they landed, slot and status.
SELECT
    extract(EPOCH FROM date_trunc('second', landed_at))::bigint AS landed_s,
    coalesce(slot, 'none') AS slot,
    status,
    count(*)::bigint AS results,
    coalesce(sum(input_tokens), 0)::bigint AS prompt_tokens,
    coalesce(sum(output_tokens), 0)::bigint AS completion_tokens
FROM inference_result
WHERE landed_at >= date_trunc('second', now() - make_interval(secs => %(window_s)s))
GROUP BY landed_s, coalesce(slot, 'none'), status;
