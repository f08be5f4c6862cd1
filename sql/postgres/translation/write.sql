-- What is about to be written.
INSERT INTO translation_written (text_sha256, source_text, translated_text)
VALUES (%(text_sha256)s, %(source_text)s, %(translated_text)s)
ON CONFLICT (text_sha256) DO UPDATE SET
    source_text = excluded.source_text,
    translated_text = excluded.translated_text,
    written_at = now();
