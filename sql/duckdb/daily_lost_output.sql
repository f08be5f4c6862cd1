-- Tokens of a day that a server counted and nobody got: by origin, slot, model and how it ended.
--
-- A chat lost its tokens when it failed, or gave no text, no tool call and no refusal in any of its
-- choices. A job lost them when its result was not accepted, or was without text and calls.
--
-- `local_day`: of whoever looks ($timezone); a UTC day has parts of two. A job is of its UTC day.
WITH answered AS (
    SELECT
        event_id,
        timezone($timezone, occurred_at)::DATE AS local_day,
        slot,
        coalesce(response_model, request_model) AS model,
        CASE WHEN chat_failed(status, error_kind, finish_reason) THEN 'failed' ELSE 'ok' END
            AS status,
        finish_reason,
        error_kind,
        output_tokens,
        reasoning_tokens,
        has_text(response_text) AS has_answer,
        has_text(reasoning_text) AS has_thoughts,
        has_text(response_text) OR has_text(refusal_text) OR coalesce(tool_call_count > 0, FALSE)
            AS is_something,
        coalesce(choice_no, 0) = 0 AS is_first
    FROM llm_chat
    WHERE occurred_on = $day
),

lost AS (
    SELECT
        'traffic' AS origin,
        * EXCLUDE (event_id, is_something, is_first)
    FROM answered
    WHERE
        is_first
        AND output_tokens > 0
        AND (
            status = 'failed'
            OR event_id NOT IN (
                SELECT other.event_id FROM answered AS other
                WHERE other.is_something
            )
        )
    UNION ALL BY NAME
    SELECT
        'jobs' AS origin,
        occurred_on AS local_day,
        slot,
        coalesce(response_model, request_model) AS model,
        status,
        finish_reason,
        error_kind,
        output_tokens,
        NULL::BIGINT AS reasoning_tokens,
        has_text(response_text) OR has_text(sent_back_text) AS has_answer,
        has_text(reasoning_text) AS has_thoughts
    FROM inference_result
    WHERE
        occurred_on = $day
        AND output_tokens > 0
        AND (
            status <> 'ok'
            OR NOT (
                has_text(response_text)
                OR coalesce(tool_calls NOT IN ('', '[]', 'null'), FALSE)
            )
        )
)

SELECT
    $day::DATE AS day,
    local_day,
    origin, -- traffic, jobs
    slot,
    model,
    status, -- of traffic: ok, failed; of jobs: ok, rejected, failed
    finish_reason,
    error_kind,
    count(*) AS requests,
    sum_of(output_tokens) AS output_tokens, -- lost ones
    sum_of(reasoning_tokens) AS reasoning_tokens, -- of output_tokens, where the event says so
    -- thoughts, and no answer
    count(*) FILTER (WHERE has_thoughts AND NOT has_answer) AS reasoning_only,
    count(*) FILTER (WHERE has_answer) AS kept, -- the raw text of the answer can still be read
    -- neither text nor thoughts are left
    count(*) FILTER (WHERE NOT has_answer AND NOT has_thoughts) AS nothing_kept,
    sum_of(CASE WHEN NOT has_answer AND NOT has_thoughts THEN output_tokens END)
        AS nothing_kept_tokens
FROM lost
GROUP BY local_day, origin, slot, model, status, finish_reason, error_kind
ORDER BY local_day, origin, slot, model, status, finish_reason, error_kind;
