-- What the lake compares to append to a day only what is new.

-- Rises when a day is rebuilt, so that what the lake has of it is replaced.
ALTER TABLE flat_day ADD COLUMN build bigint NOT NULL DEFAULT 1;

-- A batch's rows lie together: block ranges find them without reading the day.
CREATE INDEX llm_chat_batch ON llm_chat USING brin (batch_id) WITH (
    pages_per_range = 32, autosummarize = on
);
CREATE INDEX llm_tool_call_batch ON llm_tool_call USING brin (batch_id) WITH (
    pages_per_range = 32, autosummarize = on
);
CREATE INDEX llm_flow_node_batch ON llm_flow_node USING brin (batch_id) WITH (
    pages_per_range = 32, autosummarize = on
);
CREATE INDEX llm_flow_edge_batch ON llm_flow_edge USING brin (batch_id) WITH (
    pages_per_range = 32, autosummarize = on
);
CREATE INDEX obsidian_semantic_search_batch ON obsidian_semantic_search USING brin (
    batch_id
) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX llm_request_batch ON llm_request USING brin (batch_id) WITH (
    pages_per_range = 32, autosummarize = on
);

-- Results have no batches: those that landed in one transaction are taken for one. A result that
-- is asked again leaves its batch for another, which shows in the mark of the one it left.
CREATE FUNCTION landed_batch(landed_at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (extract(EPOCH FROM landed_at) * 1000000)::bigint;

-- The batches of a day, each with a mark that changes when its rows may have changed.
CREATE VIEW lake_batch AS
SELECT
    'event_inbox' AS table_name,
    occurred_on,
    batch_id,
    events::bigint AS mark
FROM intake_batch_day
UNION ALL
SELECT
    flat_batch.table_name,
    flat_batch.occurred_on,
    flat_batch.batch_id,
    flat_day.build AS mark
FROM flat_batch
INNER JOIN flat_day
    ON
        flat_batch.table_name = flat_day.table_name
        AND flat_batch.occurred_on = flat_day.occurred_on
UNION ALL
SELECT
    'inference_result' AS table_name,
    occurred_on,
    landed_batch(landed_at) AS batch_id,
    count(*) AS mark
FROM inference_result
GROUP BY occurred_on, landed_batch(landed_at);
