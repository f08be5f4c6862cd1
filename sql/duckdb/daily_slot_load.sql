-- How busy each slot was, hour by hour, with the traffic and the jobs of a day together.
--
-- The hours are those in which the work was done: a backfill's jobs belong to the day of their
-- source, and may have run on another. Work that reaches into a further hour is divided.
WITH request AS (
    SELECT
        slot,
        output_tokens,
        total_ms,
        epoch_us(occurred_at) AS ended_us
    FROM llm_chat
    WHERE occurred_on = $day AND occurred_at >= $since AND coalesce(choice_no, 0) = 0
    UNION ALL
    SELECT
        slot,
        output_tokens,
        total_ms,
        epoch_us(completed_at) AS ended_us
    FROM inference_result
    WHERE occurred_on = $day AND completed_at >= $since
),

worked AS (
    SELECT
        slot,
        output_tokens,
        ended_us,
        ended_us - round(total_ms * 1000)::BIGINT AS started_us
    FROM request
    WHERE slot IS NOT NULL AND total_ms BETWEEN 0 AND 86400000
),

-- From when on none that began before it covers it: these pieces do not overlap.
covered AS (
    SELECT
        slot,
        output_tokens,
        started_us,
        ended_us,
        greatest(
            started_us,
            coalesce(
                max(ended_us) OVER (
                    PARTITION BY slot
                    ORDER BY started_us
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                started_us
            )
        ) AS alone_from_us
    FROM worked
),

part AS (
    SELECT
        slot,
        output_tokens,
        started_us,
        ended_us,
        alone_from_us,
        unnest(range(started_us // 3600000000, ended_us // 3600000000 + 1)) AS hour_no
    FROM covered
),

clipped AS (
    SELECT
        slot,
        hour_no,
        hour_no = ended_us // 3600000000 AS ends_here,
        output_tokens,
        least(ended_us, (hour_no + 1) * 3600000000) - greatest(started_us, hour_no * 3600000000)
            AS worked_us,
        least(ended_us, (hour_no + 1) * 3600000000) - greatest(alone_from_us, hour_no * 3600000000)
            AS alone_us
    FROM part
)

SELECT
    $day::DATE AS day,
    slot,
    make_timestamptz(hour_no * 3600000000) AS hour_starts_at,
    count(*) FILTER (WHERE ends_here) AS requests, -- that ended in the hour
    coalesce(sum_of(CASE WHEN ends_here THEN output_tokens END), 0) AS output_tokens, -- of those
    sum_of(worked_us) / 1e6 AS worked_s, -- of all requests, side by side or not
    sum_of(greatest(alone_us, 0)) / 1e6 AS busy_s, -- when at least one was worked on
    busy_s / 3600 AS busy_share -- of the hour
FROM clipped -- (without what ended before `$since`, which reaches into no hour after it)
WHERE hour_no * 3600000000 >= epoch_us($since)
GROUP BY day, slot, hour_starts_at
ORDER BY day, slot, hour_starts_at;
