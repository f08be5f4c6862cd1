WITH batch AS (
    SELECT batch_id
    FROM generate_series(0, (%(rows)s - 1) / 5000) AS made (batch_id)
),

flattened AS (
    INSERT INTO flat_batch (table_name, occurred_on, batch_id)
    SELECT
        'llm_tool_call',
        %(day)s,
        batch_id
    FROM batch
)

INSERT INTO flat_day (table_name, occurred_on, version, row_count, flattened_at)
VALUES ('llm_tool_call', %(day)s, 1, %(rows)s, now());
