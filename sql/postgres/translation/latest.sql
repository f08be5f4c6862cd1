-- The latest outcome of each article in each language; of one that could not be published, whether
-- a person has decided of one of its segments since.
WITH latest AS (
    SELECT DISTINCT ON (article, target_language)
        occurred_on,
        article,
        target_language,
        status,
        output_name,
        source_sha256,
        glossary_version,
        translated_at
    FROM article_translation
    ORDER BY article ASC, target_language ASC, translated_at DESC
),

decided AS (
    SELECT
        latest.article,
        latest.target_language,
        max(review.decided_at) AS decided_at
    FROM latest
    INNER JOIN article_segment AS segment
        ON
            latest.occurred_on = segment.occurred_on
            AND latest.article = segment.article
            AND latest.target_language = segment.target_language
    INNER JOIN translation_review AS review
        ON
            segment.source_text = review.source_text
            AND lower(segment.target_language) = lower(review.target_language)
    WHERE latest.status = 'not_published'
    GROUP BY latest.article, latest.target_language
)

SELECT
    latest.article,
    latest.target_language,
    latest.status,
    latest.output_name,
    latest.source_sha256,
    latest.glossary_version,
    latest.translated_at,
    coalesce(decided.decided_at > latest.translated_at, FALSE) AS is_decided_since
FROM latest
LEFT JOIN decided
    ON latest.article = decided.article AND latest.target_language = decided.target_language;
