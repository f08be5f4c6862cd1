-- The day's inbox rows against the flat table's, over the batches that the table has taken in. An
-- event that the table refused is accounted for by that, and must have no rows. (Its payload is not
-- asked how many it should have: it may be what could not be read.)
WITH expected AS (
    SELECT
        inbox.event_id,
        refused.event_id IS NOT NULL AS is_refused,
        CASE WHEN refused.event_id IS NULL THEN inbox.items ELSE 0 END AS items
    FROM flat_expected AS inbox
    INNER JOIN flat_batch AS seen
        ON
            inbox.table_name = seen.table_name
            AND inbox.occurred_on = seen.occurred_on
            AND inbox.batch_id = seen.batch_id
    LEFT JOIN flat_refused AS refused
        ON
            inbox.table_name = refused.table_name
            AND inbox.occurred_on = refused.occurred_on
            AND inbox.event_id = refused.event_id
    WHERE inbox.table_name = %(table)s AND inbox.occurred_on = %(day)s
),

present AS (
    SELECT
        flat.event_id,
        count(*) AS items,
        count(DISTINCT flat.item_no) AS distinct_items
    FROM (%(rows)s) AS flat
    GROUP BY flat.event_id
),

compared AS (
    SELECT
        coalesce(expected.event_id, present.event_id) AS event_id,
        coalesce(expected.is_refused, FALSE) AS is_refused,
        coalesce(expected.items, 0) AS expected_items,
        coalesce(present.items, 0) AS present_items,
        coalesce(present.items - present.distinct_items, 0) AS repeated_items
    FROM expected
    FULL JOIN present ON expected.event_id = present.event_id
)

SELECT
    count(*) FILTER (WHERE expected_items > 0 OR is_refused) AS inbox_events,
    coalesce(sum(present_items), 0)::bigint AS flat_rows,
    count(*) FILTER (WHERE is_refused) AS refused_events,
    count(*) FILTER (WHERE present_items < expected_items) AS missing_events,
    count(*) FILTER (WHERE present_items > expected_items) AS surplus_events,
    coalesce(sum(repeated_items), 0)::bigint AS repeated_rows,
    count(*) FILTER (WHERE event_id IS NULL) AS null_keys,
    (
        array_agg(event_id ORDER BY event_id) FILTER (WHERE present_items <> expected_items)
    )[1:10] AS examples
FROM compared;
