-- What the summaries need: the quarantine's days, and what the slot that answered costs.

ALTER TABLE event_quarantine
ADD COLUMN occurred_on date NOT NULL
GENERATED ALWAYS AS ((received_at AT TIME ZONE 'UTC')::date) STORED;

CREATE INDEX event_quarantine_day ON event_quarantine (occurred_on);

COMMENT ON COLUMN event_quarantine.occurred_on IS
'The UTC day of received_at: what a refused message says of its own time may be wrong';

ALTER TABLE inference_result
ADD COLUMN slot_parallel integer,
ADD COLUMN slot_price_per_hour double precision,
ADD COLUMN slot_watts double precision;

COMMENT ON COLUMN inference_result.slot_parallel IS
'Requests that the slot works on at once, as the fleet file said when it answered';
COMMENT ON COLUMN inference_result.slot_price_per_hour IS
'Of the whole slot, in the currency of the fleet file, as it said then';
COMMENT ON COLUMN inference_result.slot_watts IS
'That the whole slot draws while it works, as the fleet file said then';

CREATE OR REPLACE VIEW lake_version AS
SELECT
    'event_inbox' AS table_name,
    occurred_on,
    count(*)::text || ':' || max(batch_id)::text AS version
FROM intake_batch_day
GROUP BY occurred_on
UNION ALL
SELECT
    table_name,
    occurred_on,
    version::text
FROM flat_day
UNION ALL
SELECT
    'inference_result' AS table_name,
    occurred_on,
    count(*)::text || ':' || max(landed_at)::text AS version
FROM inference_result
GROUP BY occurred_on
UNION ALL
-- A message changes once: when it is replayed.
SELECT
    'event_quarantine' AS table_name,
    occurred_on,
    count(*)::text || ':' || max(quarantine_id)::text || ':' || count(replayed_at)::text AS version
FROM event_quarantine
GROUP BY occurred_on;
