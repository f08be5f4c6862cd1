-- daily_quarantine of each week, month … by reason and subject.
CREATE OR REPLACE MACRO quarantine_by(period) AS TABLE (
    WITH merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            reason,
            subject,
            count(DISTINCT day) AS days,
            sum_of(messages) AS messages,
            sum_of(replayed) AS replayed,
            sum_of(raw_bytes) AS raw_bytes,
            min(first_received_at) AS first_received_at,
            max(last_received_at) AS last_received_at
        FROM daily_quarantine
        GROUP BY starts_on, reason, subject
    )

    SELECT *
    FROM merged
    ORDER BY starts_on, reason, subject
);
