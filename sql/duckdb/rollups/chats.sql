-- daily_chats of each day, week, month … of whoever looks.
CREATE OR REPLACE MACRO chats_by(period) AS TABLE (
    WITH known AS (
        -- Files from before a column was added: NULL.
        SELECT
            NULL::DATE AS local_day,
            NULL::BIGINT AS failed,
            NULL::BIGINT AS reasoning_tokens,
            NULL::MAP(VARCHAR, UBIGINT) AS error_kinds
        WHERE FALSE
        UNION ALL BY NAME
        SELECT * FROM daily_chats
    ),

    merged AS (
        SELECT
            date_trunc(period, coalesce(local_day, day))::DATE AS starts_on,
            model,
            role,
            user_language,
            response_language,
            finish_reason,
            count(DISTINCT coalesce(local_day, day)) AS days,
            sum_of(turns) AS turns,
            sum_of(failed) AS failed,
            sum_of(messages) AS messages,
            sum_of(with_reasoning) AS with_reasoning,
            sum_of(with_tool_calls) AS with_tool_calls,
            sum_of(tool_calls) AS tool_calls,
            sum_of(input_tokens) AS input_tokens,
            sum_of(output_tokens) AS output_tokens,
            sum_of(cached_tokens) AS cached_tokens,
            sum_of(reasoning_tokens) AS reasoning_tokens,
            merge_counts(list(error_kinds)) AS error_kinds,
            merge_counts(list(output_tokens_sketch)) AS output_tokens_sketch
        FROM known
        GROUP BY starts_on, model, role, user_language, response_language, finish_reason
    )

    SELECT
        *,
        sketch_quantile(output_tokens_sketch, 0.5) AS output_p50_tokens,
        sketch_quantile(output_tokens_sketch, 0.95) AS output_p95_tokens,
        sketch_quantile(output_tokens_sketch, 0.99) AS output_p99_tokens
    FROM merged
    ORDER BY starts_on, model, role, user_language, response_language, finish_reason
);
