-- What was written under a digest, and of which source.
SELECT
    source_text,
    translated_text
FROM translation_written
WHERE text_sha256 = %(text_sha256)s;
