-- Which sessions took longest, and how much of that was their critical path?
SELECT
    correlation_id,
    began_on,
    span_s,
    critical_path_s,
    events,
    chats,
    tool_calls,
    output_tokens
FROM session_summary
WHERE day BETWEEN getvariable('since') AND getvariable('until')
QUALIFY row_number() OVER (PARTITION BY correlation_id, began_on ORDER BY day DESC) = 1
ORDER BY span_s DESC, correlation_id ASC
LIMIT 20;
