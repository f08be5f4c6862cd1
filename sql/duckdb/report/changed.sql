-- What changed
--
-- What differs from the day before and from the same weekday a week before, as far as there were
-- events then, by more than such counts do by chance; most first.
WITH happened AS (
    SELECT
        'events' AS what,
        subject AS name,
        occurred_at
    FROM event_inbox
    WHERE
        occurred_on BETWEEN getvariable('week_before_first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('week_before_since')
        AND occurred_at < getvariable('until')
    UNION ALL
    SELECT
        'chats of the slot' AS what,
        slot AS name,
        occurred_at
    FROM llm_chat
    WHERE
        occurred_on BETWEEN getvariable('week_before_first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('week_before_since')
        AND occurred_at < getvariable('until')
        AND coalesce(choice_no, 0) = 0
    UNION ALL
    SELECT
        'calls of the tool' AS what,
        tool_name AS name,
        occurred_at
    FROM llm_tool_call
    WHERE
        occurred_on BETWEEN getvariable('week_before_first_utc') AND getvariable('last_utc')
        AND occurred_at >= getvariable('week_before_since')
        AND occurred_at < getvariable('until')
),

counted AS (
    SELECT
        what,
        coalesce(name, 'unnamed') AS name,
        count(*) FILTER (WHERE occurred_at >= getvariable('since')) AS today,
        count(*) FILTER (
            WHERE
            occurred_at >= getvariable('day_before_since')
            AND occurred_at < getvariable('since')
        ) AS day_before,
        count(*) FILTER (WHERE occurred_at < getvariable('week_before_until')) AS week_before
    FROM happened
    GROUP BY what, name
    UNION ALL
    SELECT
        'jobs of the recipe' AS what,
        recipe AS name,
        count(*) FILTER (WHERE occurred_on = getvariable('day')) AS today,
        count(*) FILTER (WHERE occurred_on = getvariable('day')::DATE - 1) AS day_before,
        count(*) FILTER (WHERE occurred_on = getvariable('day')::DATE - 7) AS week_before
    FROM inference_result
    WHERE occurred_on BETWEEN getvariable('day')::DATE - 7 AND getvariable('day')
    GROUP BY recipe
),

-- A day that had no events at all is no day to compare with.
compared AS (
    SELECT
        what,
        name,
        today,
        CASE WHEN getvariable('had_day_before') THEN day_before END AS day_before,
        CASE WHEN getvariable('had_week_before') THEN week_before END AS week_before
    FROM counted
),

-- By how many times of what is chance: the smaller of the two.
measured AS (
    SELECT
        *,
        least(
            abs(today - day_before) / sqrt(greatest(today + day_before, 1)),
            abs(today - week_before) / sqrt(greatest(today + week_before, 1))
        ) AS distance -- (which leaves out a day that there was not)
    FROM compared
)

SELECT
    what,
    name,
    today,
    day_before,
    change_of(today, day_before) AS change,
    week_before,
    change_of(today, week_before) AS change_in_a_week
FROM measured
WHERE distance >= 2
ORDER BY distance DESC, what ASC, name ASC
LIMIT 12;
