-- The day's inbox rows against the flat table's, over the batches that the table has seen.
WITH expected AS (
    SELECT
        inbox.event_id,
        inbox.items
    FROM flat_expected AS inbox
    INNER JOIN flat_batch AS seen
        ON
            inbox.table_name = seen.table_name
            AND inbox.occurred_on = seen.occurred_on
            AND inbox.batch_id = seen.batch_id
    WHERE
        inbox.table_name = %(table)s
        AND inbox.occurred_on = %(day)s
        AND inbox.items > 0
),

present AS (
    SELECT
        flat.event_id,
        count(*) AS items,
        count(DISTINCT flat.item_no) AS distinct_items
    FROM flat_present AS flat
    WHERE flat.table_name = %(table)s AND flat.occurred_on = %(day)s
    GROUP BY flat.event_id
),

compared AS (
    SELECT
        coalesce(expected.event_id, present.event_id) AS event_id,
        coalesce(expected.items, 0) AS expected_items,
        coalesce(present.items, 0) AS present_items,
        coalesce(present.items - present.distinct_items, 0) AS repeated_items
    FROM expected
    FULL JOIN present ON expected.event_id = present.event_id
)

SELECT
    count(*) FILTER (WHERE expected_items > 0) AS inbox_events,
    coalesce(sum(present_items), 0)::bigint AS flat_rows,
    count(*) FILTER (WHERE present_items < expected_items) AS missing_events,
    count(*) FILTER (WHERE present_items > expected_items) AS surplus_events,
    coalesce(sum(repeated_items), 0)::bigint AS repeated_rows,
    count(*) FILTER (WHERE event_id IS NULL) AS null_keys,
    (
        array_agg(event_id ORDER BY event_id) FILTER (WHERE present_items <> expected_items)
    )[1:10] AS examples
FROM compared;
