-- What was replaced.
DELETE FROM translation_written
WHERE text_sha256 = %(text_sha256)s;
