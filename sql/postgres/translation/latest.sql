-- The latest outcome of each article in each language, and whether a person has decided since.
WITH decided AS (
    SELECT
        article,
        lower(target_language) AS language,
        max(decided_at) AS decided_at
    FROM translation_review
    GROUP BY article, lower(target_language)
)

SELECT DISTINCT ON (translation.article, translation.target_language)
    translation.article,
    translation.target_language,
    translation.status,
    translation.output_name,
    translation.source_sha256,
    translation.glossary_version,
    translation.translated_at,
    coalesce(decided.decided_at > translation.translated_at, FALSE) AS is_decided_since
FROM article_translation AS translation
LEFT JOIN decided
    ON
        translation.article = decided.article
        AND lower(translation.target_language) = decided.language
ORDER BY
    translation.article ASC, translation.target_language ASC, translation.translated_at DESC;
