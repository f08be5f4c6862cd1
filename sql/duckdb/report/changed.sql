-- What changed
--
-- Against the day before, most first: what differs by more than such counts do by chance.
WITH counted AS (
    SELECT
        'events' AS what,
        subject AS name,
        occurred_on AS day,
        count(*) AS rows_of_it
    FROM event_inbox
    WHERE occurred_on BETWEEN $day::DATE - 1 AND $day
    GROUP BY ALL
    UNION ALL
    SELECT
        'chats of the slot' AS what,
        slot AS name,
        occurred_on AS day,
        count(*) AS rows_of_it
    FROM llm_chat
    WHERE occurred_on BETWEEN $day::DATE - 1 AND $day AND coalesce(choice_no, 0) = 0
    GROUP BY ALL
    UNION ALL
    SELECT
        'calls of the tool' AS what,
        tool_name AS name,
        occurred_on AS day,
        count(*) AS rows_of_it
    FROM llm_tool_call
    WHERE occurred_on BETWEEN $day::DATE - 1 AND $day
    GROUP BY ALL
    UNION ALL
    SELECT
        'jobs of the recipe' AS what,
        recipe AS name,
        occurred_on AS day,
        count(*) AS rows_of_it
    FROM inference_result
    WHERE occurred_on BETWEEN $day::DATE - 1 AND $day
    GROUP BY ALL
),

compared AS (
    SELECT
        what,
        coalesce(name, 'unnamed') AS name,
        coalesce(sum(rows_of_it) FILTER (WHERE day = $day), 0)::BIGINT AS today,
        coalesce(sum(rows_of_it) FILTER (WHERE day < $day), 0)::BIGINT AS day_before
    FROM counted
    GROUP BY what, name
)

SELECT
    what,
    name,
    today,
    day_before,
    CASE
        WHEN day_before = 0 THEN 'new'
        WHEN today = 0 THEN 'gone'
        ELSE printf('%+d %%', round(100 * (today / day_before - 1))::BIGINT)
    END AS change
FROM compared
WHERE abs(today - day_before) >= 2 * sqrt(today + day_before)
ORDER BY abs(today - day_before) / sqrt(today + day_before) DESC, what ASC, name ASC
LIMIT 12;
