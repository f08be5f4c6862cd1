-- Translated articles: what is remembered of segments, and what became of each document.
CREATE TABLE translation_memory (
    memory_key text NOT NULL PRIMARY KEY,
    source_language text NOT NULL,
    target_language text NOT NULL,
    models text NOT NULL,
    prompt_version text NOT NULL,
    glossary_version text NOT NULL,
    source_text text NOT NULL,
    translated_text text,
    is_fit boolean NOT NULL,
    is_cut_off boolean NOT NULL,
    findings text[] NOT NULL DEFAULT '{}',
    tries integer NOT NULL CHECK (tries >= 1),
    job_id text NOT NULL,
    model text,
    licence text,
    round_trip_text text,
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE translation_memory IS 'Segments that have been translated, or could not be';
COMMENT ON COLUMN translation_memory.memory_key IS
'SHA-256 of segment, languages, models, prompt format and version, glossary terms';
COMMENT ON COLUMN translation_memory.models IS 'Models that serve the translator role';
COMMENT ON COLUMN translation_memory.translated_text IS 'What the slot answered last, fit or not';
COMMENT ON COLUMN translation_memory.is_cut_off IS 'It is too long for a slot, and asked in parts';
COMMENT ON COLUMN translation_memory.round_trip_text IS 'The translation, translated back';

CREATE TABLE article_translation (
    occurred_on date NOT NULL,
    article text NOT NULL,
    target_language text NOT NULL,
    source_language text NOT NULL,
    status text NOT NULL CHECK (
        status IN ('published', 'not_published', 'kept', 'skipped')
    ),
    reasons text[] NOT NULL DEFAULT '{}',
    output_name text NOT NULL,
    source_sha256 text,
    model text,
    licence text,
    prompt_version text,
    glossary_version text,
    segments integer NOT NULL,
    asked_segments integer NOT NULL,
    unfit_segments integer NOT NULL,
    untranslated_segments integer NOT NULL,
    repeated_segments integer NOT NULL,
    structure_matches boolean,
    length_ratio double precision,
    glossary_terms integer NOT NULL,
    glossary_hits integer NOT NULL,
    round_trip_chrf2 double precision,
    chrf2_signature text,
    translated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (occurred_on, article, target_language)
);
CREATE INDEX article_translation_latest
ON article_translation (article, target_language, translated_at DESC);

COMMENT ON TABLE article_translation IS
'What became of an article in a language: one row for each day on which it was translated';
COMMENT ON COLUMN article_translation.occurred_on IS 'UTC day of the translation';
COMMENT ON COLUMN article_translation.status IS
'published; not_published: reasons say why; kept: somebody else wrote the file that is there;
skipped: it is in that language already';
COMMENT ON COLUMN article_translation.asked_segments IS 'Those that the memory did not have';

CREATE TABLE article_segment (
    occurred_on date NOT NULL,
    article text NOT NULL,
    target_language text NOT NULL,
    segment_no integer NOT NULL,
    part text NOT NULL,
    kind text NOT NULL,
    line integer NOT NULL,
    source_text text NOT NULL,
    translated_text text,
    status text NOT NULL CHECK (status IN ('ok', 'unfit')),
    findings text[] NOT NULL DEFAULT '{}',
    memory_key text,
    job_id text,
    is_remembered boolean NOT NULL,
    model text,
    licence text,
    length_ratio double precision,
    glossary_terms integer NOT NULL,
    glossary_hits integer NOT NULL,
    round_trip_chrf2 double precision,
    PRIMARY KEY (occurred_on, article, target_language, segment_no),
    FOREIGN KEY (occurred_on, article, target_language)
    REFERENCES article_translation ON DELETE CASCADE
);

COMMENT ON COLUMN article_segment.memory_key IS
'NULL: nothing of the source language in it, left as it is';
COMMENT ON TABLE article_segment IS 'The segments of article_translation, in their order';
COMMENT ON COLUMN article_segment.line IS 'Of the source, from 1';
COMMENT ON COLUMN article_segment.is_remembered IS 'It came from the memory and was not asked';
