-- A day in figures
--
-- Events by when they happened; jobs are those of the UTC day of the same date.
WITH event AS (
    SELECT
        count(*) AS events,
        count(DISTINCT correlation_id) AS sessions
    FROM event_inbox
    WHERE
        occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('since')
        AND occurred_at < getvariable('until')
),

rate AS (
    SELECT *
    FROM slot_rates(getvariable('slots'))
),

chat AS (
    SELECT
        count(*) FILTER (WHERE coalesce(choice_no, 0) = 0) AS chats,
        count(*) FILTER (
            WHERE
            coalesce(choice_no, 0) = 0 AND chat_failed(status, error_kind, finish_reason)
        ) AS failed_chats,
        sum_of(input_tokens) AS input_tokens,
        sum_of(output_tokens) AS output_tokens,
        quantile_cont(total_ms, 0.95) FILTER (WHERE coalesce(choice_no, 0) = 0) AS chat_p95_ms,
        max(total_ms) FILTER (WHERE coalesce(choice_no, 0) = 0) AS slowest_chat_ms,
        sum(total_ms / 3.6e6 / coalesce(rate.parallel, 1) * rate.price_per_hour) FILTER (
            WHERE coalesce(choice_no, 0) = 0 AND total_ms BETWEEN 0 AND 86400000
        ) AS cost
    FROM llm_chat
    LEFT JOIN rate ON llm_chat.slot = rate.slot
    WHERE
        occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('since')
        AND occurred_at < getvariable('until')
),

tool AS (
    SELECT
        count(*) AS tool_calls,
        count(*) FILTER (WHERE is_error) AS tool_errors
    FROM llm_tool_call
    WHERE
        occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('since')
        AND occurred_at < getvariable('until')
),

job AS (
    SELECT
        count(*) AS jobs,
        count(*) FILTER (WHERE status <> 'ok') AS failed_jobs,
        sum_of(output_tokens) AS tokens_of_jobs,
        sum(total_ms / 3.6e6 / coalesce(slot_parallel, 1) * slot_price_per_hour) FILTER (
            WHERE total_ms BETWEEN 0 AND 86400000
        ) AS cost
    FROM inference_result
    WHERE occurred_on = getvariable('day')
)

SELECT
    event.events,
    event.sessions,
    chat.chats,
    chat.failed_chats,
    chat.input_tokens,
    chat.output_tokens,
    chat.chat_p95_ms,
    chat.slowest_chat_ms,
    tool.tool_calls,
    tool.tool_errors,
    job.jobs,
    job.failed_jobs,
    job.tokens_of_jobs,
    CASE
        WHEN chat.cost IS NOT NULL OR job.cost IS NOT NULL
            THEN coalesce(chat.cost, 0) + coalesce(job.cost, 0)
    END AS cost
FROM event, chat, tool, job;
