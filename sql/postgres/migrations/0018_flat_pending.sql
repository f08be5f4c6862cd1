-- What the flat tables have yet to take in is a queue that empties, and what they cannot take in is
-- kept by name, so that one event does not stop its day.

CREATE TABLE flat_table (table_name text NOT NULL PRIMARY KEY);

COMMENT ON TABLE flat_table IS 'The tables for which every batch is put into flat_pending';

INSERT INTO flat_table (table_name)
VALUES
('llm_chat'),
('llm_flow_edge'),
('llm_flow_node'),
('llm_request'),
('llm_tool_call'),
('obsidian_semantic_search');

CREATE TABLE flat_pending (
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (table_name, occurred_on, batch_id)
);

COMMENT ON TABLE flat_pending IS
'Batches that a day of a flat table has not taken in; flattening takes them off';

-- By a trigger, so that it is so whoever writes the ledger: an import, an older version's drain.
CREATE FUNCTION enqueue_for_flat_tables() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO flat_pending (table_name, occurred_on, batch_id)
    SELECT flat_table.table_name, landed.occurred_on, landed.batch_id
    FROM landed
    CROSS JOIN flat_table;
    RETURN NULL;
END
$$;

CREATE TRIGGER intake_batch_day_enqueue
AFTER INSERT ON intake_batch_day
REFERENCING NEW TABLE AS landed
FOR EACH STATEMENT EXECUTE FUNCTION enqueue_for_flat_tables();

-- After the trigger, whose lock waits for the drains that write without it.
INSERT INTO flat_pending (table_name, occurred_on, batch_id)
SELECT
    flat_table.table_name,
    ledger.occurred_on,
    ledger.batch_id
FROM intake_batch_day AS ledger
CROSS JOIN flat_table
LEFT JOIN flat_batch AS seen
    ON
        flat_table.table_name = seen.table_name
        AND ledger.occurred_on = seen.occurred_on
        AND ledger.batch_id = seen.batch_id
WHERE seen.batch_id IS NULL;

CREATE TABLE flat_refused (
    refused_id bigint NOT NULL UNIQUE,
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    event_id text NOT NULL,
    batch_id bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, occurred_on, event_id)
);

COMMENT ON TABLE flat_refused IS
'Events of the inbox of which a flat table could not make rows; the event itself is in the inbox';
COMMENT ON COLUMN flat_refused.refused_id IS
'From the sequence of event_quarantine: one number names a refusal, at the door or here';
COMMENT ON COLUMN flat_refused.reason IS 'PostgreSQL''s name of the error''s condition';
