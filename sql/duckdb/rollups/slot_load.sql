-- daily_slot_load of each hour, week, month … in which work was done, whatever day it is of. What
-- several days' rows say of the same hour is united: `busy_s` is at most the time that passed.
CREATE OR REPLACE MACRO slot_load_by(period) AS TABLE (
    WITH known AS (
        -- Files from before a column was added: NULL.
        SELECT NULL::STRUCT(started_us BIGINT, ended_us BIGINT, busy_us BIGINT) [] AS busy_sketch
        WHERE FALSE
        UNION ALL BY NAME
        SELECT * FROM daily_slot_load
    ),

    merged AS (
        SELECT
            make_timestamptz(
                epoch_us(date_trunc(period, make_timestamp(epoch_us(hour_starts_at))))
            ) AS starts_at,
            slot,
            count(DISTINCT day) AS days,
            count(DISTINCT hour_starts_at) AS hours,
            sum_of(requests) AS requests,
            sum_of(output_tokens) AS output_tokens,
            sum(worked_s) AS worked_s,
            CASE
                WHEN count(busy_s) = count(busy_sketch)
                    THEN busy_union(
                        flatten(list(busy_sketch) FILTER (WHERE busy_sketch IS NOT NULL))
                    )
            END AS busy
        FROM known
        GROUP BY starts_at, slot
    )

    SELECT
        * EXCLUDE (busy),
        busy.busy_us / 1e6 AS busy_s,
        busy.error_us / 1e6 AS busy_error_s,
        busy_s / (3600 * hours) AS busy_share
    FROM merged
    ORDER BY starts_at, slot
);
