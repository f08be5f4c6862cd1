-- Answers of a day that a server made and counted, and nobody got: in familiar's traffic, and in
-- our own jobs.
--
-- `lost`: `nothing` where no text, no call and no refusal came; `reasoning` where only thoughts
-- did; `unfit` where a job's answer was not fit to be used. What was delivered is not here, and
-- neither is an answer whose tokens nobody counted. `read_as` is the family that the chat was read
-- as, which says where to look when a parser has eaten the answer.
WITH answer AS (
    SELECT
        occurred_on,
        'traffic' AS origin,
        slot,
        coalesce(response_model, request_model) AS model,
        shape AS read_as,
        finish_reason,
        error_kind,
        CASE
            WHEN
                trim(coalesce(response_text, '')) <> '' OR tool_call_count > 0
                OR coalesce(refusal_text, '') <> ''
                THEN 'delivered'
            WHEN trim(coalesce(reasoning_text, '')) <> '' THEN 'reasoning'
            ELSE 'nothing'
        END AS lost,
        output_tokens,
        reasoning_tokens,
        tg_tokens_per_s,
        NULL::VARCHAR AS raw_answer
    FROM llm_chat
    WHERE occurred_on = $day AND output_tokens > 0
    UNION ALL
    SELECT
        occurred_on,
        'jobs' AS origin,
        slot,
        coalesce(response_model, request_model) AS model,
        NULL AS read_as,
        finish_reason,
        error_kind,
        CASE
            WHEN status = 'ok' THEN 'delivered'
            WHEN trim(coalesce(response_text, '')) <> '' OR tool_calls IS NOT NULL THEN 'unfit'
            WHEN trim(coalesce(reasoning_text, '')) <> '' THEN 'reasoning'
            ELSE 'nothing'
        END AS lost,
        output_tokens,
        NULL::BIGINT AS reasoning_tokens,
        tg_tokens_per_s,
        raw_answer
    FROM inference_result
    WHERE occurred_on = $day AND output_tokens > 0
)

SELECT
    occurred_on AS day,
    origin,
    slot,
    model,
    read_as,
    lost,
    finish_reason,
    error_kind,
    count(*) AS answers,
    sum_of(output_tokens) AS output_tokens,
    sum_of(reasoning_tokens) AS reasoning_tokens, -- of output_tokens, where the event says so
    count(raw_answer) AS raw_kept, -- whose text is kept as the server sent it
    -- what the slot spent on writing them, where the speed is known
    sum(
        tg_timed(output_tokens, tg_tokens_per_s) / nullif(tg_tokens_per_s, 0)
    ) AS decode_s
FROM answer
WHERE lost <> 'delivered'
GROUP BY day, origin, slot, model, read_as, lost, finish_reason, error_kind
ORDER BY day, origin, slot, model, read_as, lost, finish_reason, error_kind;
