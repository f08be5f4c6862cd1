-- What failed
WITH trouble AS (
    SELECT
        'tool call' AS what,
        tool_name AS name,
        count(*) FILTER (WHERE is_error) AS failed,
        count(*) AS out_of,
        mode(error_type) FILTER (WHERE is_error) AS mostly
    FROM llm_tool_call
    WHERE
        occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('since')
        AND occurred_at < getvariable('until')
    GROUP BY tool_name
    UNION ALL
    SELECT
        'chat, failed or cut at its length' AS what,
        slot AS name,
        count(*) FILTER (
            WHERE chat_failed(status, error_kind, finish_reason) OR finish_reason = 'length'
        ) AS failed,
        count(*) AS out_of,
        mode(
            CASE
                WHEN chat_failed(status, error_kind, finish_reason) OR finish_reason = 'length'
                    THEN coalesce(error_kind, finish_reason)
            END
        ) AS mostly
    FROM llm_chat
    WHERE
        occurred_on BETWEEN getvariable('first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('since')
        AND occurred_at < getvariable('until')
        AND coalesce(choice_no, 0) = 0
    GROUP BY slot
    UNION ALL
    SELECT
        'job, failed or rejected' AS what,
        recipe AS name,
        count(*) FILTER (WHERE status <> 'ok') AS failed,
        count(*) AS out_of,
        mode(error_kind) FILTER (WHERE status <> 'ok') AS mostly
    FROM inference_result
    WHERE occurred_on = getvariable('day')
    GROUP BY recipe
)

SELECT
    what,
    coalesce(name, 'unnamed') AS name,
    failed,
    out_of,
    failed / out_of AS failure_rate,
    mostly
FROM trouble
WHERE failed > 0
ORDER BY failed DESC, what ASC, name ASC
LIMIT 20;
