-- Tables without batches in the lake: a day that changed is written anew.
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
GROUP BY occurred_on
UNION ALL
SELECT
    article.table_name,
    translation.occurred_on,
    count(*)::text || ':' || max(translation.translated_at)::text AS version
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
    count(*) AS mark
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
