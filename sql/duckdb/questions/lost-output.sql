-- Which slots make answers that nobody gets, and why?
SELECT
    slot,
    model,
    lost,
    finish_reason,
    error_kind,
    sum(answers)::BIGINT AS answers,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(decode_s) AS decode_s
FROM daily_lost_output
GROUP BY ALL
ORDER BY output_tokens DESC, slot ASC, model ASC, lost ASC, finish_reason ASC, error_kind ASC;
