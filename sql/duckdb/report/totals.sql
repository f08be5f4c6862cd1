-- A day in figures
WITH chat AS (
    SELECT
        count(*) FILTER (WHERE coalesce(choice_no, 0) = 0) AS chats,
        sum_of(input_tokens) AS input_tokens,
        sum_of(output_tokens) AS output_tokens,
        count(DISTINCT slot) AS slots_that_answered
    FROM llm_chat
    WHERE occurred_on = $day
),

tool AS (
    SELECT count(*) AS tool_calls
    FROM llm_tool_call
    WHERE occurred_on = $day
),

job AS (
    SELECT
        count(*) AS jobs,
        sum_of(output_tokens) AS tokens_of_jobs
    FROM inference_result
    WHERE occurred_on = $day
)

SELECT
    count(*) AS events,
    count(DISTINCT correlation_id) AS sessions,
    any_value(chat.chats) AS chats,
    any_value(chat.slots_that_answered) AS slots_that_answered,
    any_value(chat.input_tokens) AS input_tokens,
    any_value(chat.output_tokens) AS output_tokens,
    any_value(tool.tool_calls) AS tool_calls,
    any_value(job.jobs) AS jobs,
    any_value(job.tokens_of_jobs) AS tokens_of_jobs
FROM event_inbox, chat, tool, job
WHERE occurred_on = $day;
