-- Chats of a day by model, role, languages and finish reason. A turn is one `llm.chat.persist`; one
-- that was asked for several choices has a row for each, and is counted with its first.
--
-- A UTC day has parts of two days of whoever looks ($timezone): `local_day` says of which. Its week
-- and month are those of the roll-ups.
--
-- Languages are guessed from the scripts of the first 1,000 characters: `ja`, `ko`, `zh`, else the
-- script (`und-Latn`: English, German …), `und` without letters, NULL without a text.
WITH turn AS (
    SELECT
        occurred_on,
        timezone($timezone, occurred_at)::DATE AS local_day,
        coalesce(choice_no, 0) = 0 AS is_first,
        coalesce(response_model, request_model) AS model,
        role,
        language_guess(user_text) AS user_language,
        language_guess(response_text) AS response_language,
        finish_reason,
        error_kind,
        chat_failed(status, error_kind, finish_reason) AS failed,
        conversation_id,
        message_count,
        reasoning_text,
        tool_call_count,
        input_tokens,
        output_tokens,
        cached_tokens,
        reasoning_tokens
    FROM llm_chat
    WHERE occurred_on = $day
)

SELECT
    occurred_on AS day,
    local_day,
    model,
    role,
    user_language,
    response_language,
    finish_reason,
    count(*) FILTER (WHERE is_first) AS turns,
    count(*) FILTER (WHERE is_first AND failed) AS failed, -- turns without an answer
    histogram(error_kind) FILTER (WHERE is_first AND failed) AS error_kinds, -- of each; NULL: none
    count(*) AS choices, -- all answers, those beyond a turn's first included
    count_distinct(conversation_id) AS conversations, -- with a turn in this row: not to be added up
    sum_of(CASE WHEN is_first THEN message_count END) AS messages, -- sent, earlier turns included
    count(*) FILTER (WHERE reasoning_text <> '') AS with_reasoning,
    count(*) FILTER (WHERE tool_call_count > 0) AS with_tool_calls,
    sum_of(tool_call_count) AS tool_calls,
    sum_of(input_tokens) AS input_tokens,
    sum_of(output_tokens) AS output_tokens,
    sum_of(cached_tokens) AS cached_tokens,
    sum_of(reasoning_tokens) AS reasoning_tokens, -- of output_tokens, where the event says so
    sketch(output_tokens) AS output_tokens_sketch,
    sketch_quantile(output_tokens_sketch, 0.5) AS output_p50_tokens,
    sketch_quantile(output_tokens_sketch, 0.95) AS output_p95_tokens,
    sketch_quantile(output_tokens_sketch, 0.99) AS output_p99_tokens
FROM turn
GROUP BY day, local_day, model, role, user_language, response_language, finish_reason
ORDER BY day, local_day, model, role, user_language, response_language, finish_reason;
