-- What the lake holds, file by file: what is missing is known, whatever a listing shows. A row is
-- written by the transaction under whose lock its file appears.
CREATE TABLE lake_file (
    lake text NOT NULL,
    table_name text NOT NULL,
    occurred_on date NOT NULL,
    layer int NOT NULL,
    first_no int NOT NULL,
    last_no int NOT NULL,
    crc32 bigint NOT NULL,
    row_count bigint NOT NULL,
    byte_count bigint NOT NULL,
    made_of jsonb NOT NULL,
    code text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    covered_by text,
    buried_at timestamptz,
    PRIMARY KEY (lake, table_name, occurred_on, layer, first_no, last_no, crc32)
);

COMMENT ON TABLE lake_file IS 'The lake''s files: one row for each that was published';
COMMENT ON COLUMN lake_file.lake IS 'Where the lake is: its folder, or its URL';
COMMENT ON COLUMN lake_file.table_name IS 'The table or summary';
COMMENT ON COLUMN lake_file.layer IS 'How often PostgreSQL had dropped the day before';
COMMENT ON COLUMN lake_file.first_no IS 'The first of the parts that it holds';
COMMENT ON COLUMN lake_file.last_no IS 'The last of the parts that it holds';
COMMENT ON COLUMN lake_file.crc32 IS 'Of its bytes, as its name has it';
COMMENT ON COLUMN lake_file.made_of
IS 'A table''s: the version of the day and its batches; a summary''s: the parts that it read';
COMMENT ON COLUMN lake_file.code IS 'Digest of the columns'' query, or of the summary''s code';
COMMENT ON COLUMN lake_file.published_at IS 'When it appeared, or was first seen';
COMMENT ON COLUMN lake_file.covered_by IS 'The file that is worth more; NULL: this one is live';
COMMENT ON COLUMN lake_file.buried_at IS 'Since when no listing shows it';

-- Two writers may commit in another order than the one in which they took their time: the last
-- `landed_at` then says nothing. The transactions that wrote the rows do.
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
    count(*)::text || ':' || max(landed_at)::text || ':'
    || sum(hashtextextended(xmin::text, 0))::text AS version
FROM inference_result
GROUP BY occurred_on
UNION ALL
-- A message changes once: when it is replayed.
SELECT
    'event_quarantine' AS table_name,
    occurred_on,
    count(*)::text || ':' || max(quarantine_id)::text || ':' || count(replayed_at)::text AS version
FROM event_quarantine
GROUP BY occurred_on
UNION ALL
SELECT
    article.table_name,
    translation.occurred_on,
    count(*)::text || ':' || max(translation.translated_at)::text || ':'
    || sum(hashtextextended(translation.xmin::text, 0))::text AS version
FROM article_translation AS translation
CROSS JOIN (VALUES ('article_translation'), ('article_segment')) AS article (table_name)
GROUP BY article.table_name, translation.occurred_on;

CREATE OR REPLACE VIEW lake_batch AS
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
    hashtextextended(count(*)::text || ':' || sum(hashtextextended(xmin::text, 0))::text, 0) AS mark
FROM inference_result
GROUP BY occurred_on, landed_batch(landed_at)
UNION ALL
SELECT
    table_name,
    occurred_on,
    0 AS batch_id,
    hashtextextended(version, 0) AS mark
FROM lake_version
WHERE table_name IN ('event_quarantine', 'article_translation', 'article_segment');
