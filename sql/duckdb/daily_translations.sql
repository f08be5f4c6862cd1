-- What became of the articles of a day, by language pair and model.
SELECT
    occurred_on AS day,
    source_language,
    target_language,
    model,
    count(*) AS documents,
    count(*) FILTER (WHERE status = 'published') AS published,
    count(*) FILTER (WHERE status = 'not_published') AS not_published,
    count(*) FILTER (WHERE status = 'kept') AS kept,
    sum(segments)::BIGINT AS segments,
    sum(asked_segments)::BIGINT AS asked_segments,
    sum(unfit_segments)::BIGINT AS unfit_segments,
    sum(untranslated_segments)::BIGINT AS untranslated_segments,
    sum(repeated_segments)::BIGINT AS repeated_segments,
    count(*) FILTER (WHERE structure_matches) AS structure_matches,
    sum(glossary_terms)::BIGINT AS glossary_terms,
    sum(glossary_hits)::BIGINT AS glossary_hits,
    sum(segments * length_ratio) / nullif(
        sum(segments) FILTER (WHERE length_ratio IS NOT NULL), 0
    ) AS length_ratio,
    sum(segments * round_trip_chrf2) / nullif(
        sum(segments) FILTER (WHERE round_trip_chrf2 IS NOT NULL), 0
    ) AS round_trip_chrf2
FROM article_translation
WHERE occurred_on = $day
GROUP BY ALL
ORDER BY ALL;
