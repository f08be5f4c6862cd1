-- Workers that kept least of what the plan told them
SELECT
    correlation_id,
    worker,
    told,
    kept,
    ignored_decisions,
    differing_settings
FROM session_agreement
WHERE
    day BETWEEN getvariable('first_utc') AND getvariable('last_utc')
    AND told > 0
    AND correlation_id IN (
        SELECT one.correlation_id FROM session_summary AS one
        WHERE
            one.day BETWEEN getvariable('first_utc') AND getvariable('last_utc')
            AND one.ended_at >= getvariable('since')
            AND one.started_at < getvariable('until')
    )
QUALIFY row_number() OVER (PARTITION BY correlation_id, worker ORDER BY day DESC) = 1
ORDER BY kept_share ASC, told DESC, correlation_id ASC, worker ASC
LIMIT 20;
