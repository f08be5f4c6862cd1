-- Workers that kept least of what the plan told them
SELECT
    correlation_id,
    worker,
    told,
    kept,
    ignored_decisions,
    differing_settings
FROM session_agreement
WHERE day = $day AND told > 0
ORDER BY kept_share ASC, told DESC, correlation_id ASC, worker ASC
LIMIT 20;
