INSERT INTO slot_benchmark (
    measured_at, slot, model, provider_name, measure, input_tokens, at_once, requests,
    pp_tokens_per_s, tg_tokens_per_s, total_tokens_per_s, ttft_ms, timing_source, wall_s
)
VALUES (
    %(measured_at)s, %(slot)s, %(model)s, %(provider_name)s, %(measure)s, %(input_tokens)s,
    %(at_once)s, %(requests)s, %(pp_tokens_per_s)s, %(tg_tokens_per_s)s, %(total_tokens_per_s)s,
    %(ttft_ms)s, %(timing_source)s, %(wall_s)s
)
ON CONFLICT DO NOTHING;
