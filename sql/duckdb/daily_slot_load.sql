-- How busy each slot was, hour by hour, with the traffic and the jobs of a day together.
--
-- The hours are those in which the work was done: a backfill's jobs belong to the day of their
-- source, and may have run on another. Work that reaches into a further hour is divided. So an hour
-- may have rows of several days, which overlap: `slot_load_by('hour')` unites them.
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

-- Until when those that began before it had covered the time, and when the last of all ended.
covered AS (
    SELECT
        slot,
        started_us,
        max(ended_us) OVER (
            PARTITION BY slot
            ORDER BY started_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS covered_until_us,
        max(ended_us) OVER (
            PARTITION BY slot
            ORDER BY started_us
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        ) AS last_ended_us
    FROM worked
),

-- Where work begins after there was none, until there is none again.
stretch AS (
    SELECT
        slot,
        started_us,
        coalesce(
            lead(covered_until_us) OVER (PARTITION BY slot ORDER BY started_us), last_ended_us
        ) AS ended_us
    FROM covered
    WHERE covered_until_us IS NULL OR started_us > covered_until_us
),

busy_part AS (
    SELECT
        slot,
        started_us,
        ended_us,
        unnest(range(started_us // 3600000000, ended_us // 3600000000 + 1)) AS hour_no
    FROM stretch
),

busy AS (
    SELECT
        slot,
        hour_no,
        sum_of(
            least(ended_us, (hour_no + 1) * 3600000000) - greatest(started_us, hour_no * 3600000000)
        ) / 1e6 AS covered_s,
        busy_sketch(
            list(
                busy_span(
                    greatest(started_us, hour_no * 3600000000),
                    least(ended_us, (hour_no + 1) * 3600000000)
                )
            )
        ) AS spans
    FROM busy_part
    GROUP BY slot, hour_no
),

part AS (
    SELECT
        slot,
        output_tokens,
        started_us,
        ended_us,
        unnest(range(started_us // 3600000000, ended_us // 3600000000 + 1)) AS hour_no
    FROM worked
),

clipped AS (
    SELECT
        slot,
        hour_no,
        hour_no = ended_us // 3600000000 AS ends_here,
        output_tokens,
        least(ended_us, (hour_no + 1) * 3600000000) - greatest(started_us, hour_no * 3600000000)
            AS worked_us
    FROM part
)

SELECT
    $day::DATE AS day,
    clipped.slot,
    make_timestamptz(clipped.hour_no * 3600000000) AS hour_starts_at,
    count(*) FILTER (WHERE clipped.ends_here) AS requests, -- that ended in the hour
    sum_of(CASE WHEN clipped.ends_here THEN clipped.output_tokens END) AS output_tokens, -- of those
    sum_of(clipped.worked_us) / 1e6 AS worked_s, -- of all requests, side by side or not
    any_value(busy.covered_s) AS busy_s, -- when at least one was worked on
    busy_s / 3600 AS busy_share, -- of the hour
    any_value(busy.spans) AS busy_sketch -- when: at most 32 spans (macros/spans.sql)
FROM clipped -- (without what ended before `$since`, which reaches into no hour after it)
INNER JOIN busy ON clipped.slot = busy.slot AND clipped.hour_no = busy.hour_no
WHERE clipped.hour_no * 3600000000 >= epoch_us($since)
GROUP BY day, clipped.slot, hour_starts_at
ORDER BY day, clipped.slot, hour_starts_at;
