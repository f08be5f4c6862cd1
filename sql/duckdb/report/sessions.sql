-- Sessions, longest first
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
WHERE day = $day
ORDER BY span_s DESC, correlation_id ASC
LIMIT 50;
