-- When that began, in microseconds since the epoch, which took so long until its event. What took
-- more than a day, or less than nothing, has no such time: it began when it ended.
CREATE OR REPLACE MACRO began_us(occurred_at, duration_ms) AS (
    epoch_us(occurred_at)
    - CASE WHEN duration_ms BETWEEN 0 AND 86400000 THEN floor(duration_ms * 1000)::BIGINT ELSE 0 END
);
