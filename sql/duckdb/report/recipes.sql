-- Recipes
--
-- Their jobs of the UTC day of this date.
SELECT
    recipe,
    count(*) AS jobs,
    count(*) FILTER (WHERE status = 'ok') AS ok,
    count(*) FILTER (WHERE status = 'rejected') AS rejected,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    sum_of(output_tokens) AS output_tokens
FROM inference_result
WHERE occurred_on = getvariable('day')
GROUP BY recipe
ORDER BY jobs DESC, recipe ASC
LIMIT 50;
