-- Sessions, longest first
--
-- Each as it stood at the end of the UTC day: those that were under way on this day.
SELECT
    correlation_id,
    began_on,
    span_s,
    critical_path_s,
    chats,
    max_parallel_chats,
    tool_calls,
    tool_errors,
    output_tokens
FROM session_summary
WHERE
    day BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND ended_at >= getvariable('since')
    AND started_at < getvariable('until')
QUALIFY row_number() OVER (PARTITION BY correlation_id, began_on ORDER BY day DESC) = 1
ORDER BY span_s DESC, correlation_id ASC
LIMIT 50;
