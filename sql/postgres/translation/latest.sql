-- The latest outcome of each article in each language.
SELECT DISTINCT ON (article, target_language)
    article,
    target_language,
    status,
    output_name,
    source_sha256,
    glossary_version
FROM article_translation
ORDER BY article ASC, target_language ASC, translated_at DESC;
