-- What a person has decided of a translation, and what was written last into which file.
CREATE TABLE translation_review (
    review_key text NOT NULL PRIMARY KEY,
    source_language text NOT NULL,
    target_language text NOT NULL,
    source_text text NOT NULL,
    article text,
    line integer,
    proposed_text text,
    findings text[] NOT NULL DEFAULT '{}',
    asked_at timestamptz NOT NULL DEFAULT now(),
    translated_text text,
    decision text CHECK (decision IN ('accepted', 'edited', 'learned', 'imported')),
    decided_by text,
    decided_at timestamptz,
    CHECK (num_nonnulls(translated_text, decision, decided_by, decided_at) IN (0, 4))
);
CREATE INDEX translation_review_open ON translation_review (asked_at) WHERE decision IS NULL;
CREATE INDEX translation_review_article ON translation_review (article, target_language);

COMMENT ON TABLE translation_review IS
'Segments that a person is asked to look at, and what people have decided of segments';
COMMENT ON COLUMN translation_review.review_key IS 'SHA-256 of the languages and the segment';
COMMENT ON COLUMN translation_review.source_language IS 'A BCP 47 tag';
COMMENT ON COLUMN translation_review.target_language IS 'A BCP 47 tag';
COMMENT ON COLUMN translation_review.source_text IS 'The segment, with its marks';
COMMENT ON COLUMN translation_review.article IS 'Path of the document that it was met in last';
COMMENT ON COLUMN translation_review.line IS 'Of that document, from 1';
COMMENT ON COLUMN translation_review.proposed_text IS 'What a slot has answered, if anything';
COMMENT ON COLUMN translation_review.findings IS 'Why nobody should read that unseen';
COMMENT ON COLUMN translation_review.asked_at IS 'When it was found to need a person';
COMMENT ON COLUMN translation_review.translated_text IS 'What is used from now on';
COMMENT ON COLUMN translation_review.decision IS
'accepted as proposed, edited, learned from an edited file, imported from TMX; NULL: still open';
COMMENT ON COLUMN translation_review.decided_by IS 'Who has decided';
COMMENT ON COLUMN translation_review.decided_at IS 'When';

CREATE TABLE translation_written (
    text_sha256 text NOT NULL PRIMARY KEY,
    source_text text NOT NULL,
    translated_text text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE translation_written IS
'Translations as they were written: what a person has changed since is told by comparing';
COMMENT ON COLUMN translation_written.text_sha256 IS 'As it stands in the file''s front matter';
COMMENT ON COLUMN translation_written.source_text IS 'The document, with the translation''s links';
COMMENT ON COLUMN translation_written.translated_text IS 'The translation, without anchors';
COMMENT ON COLUMN translation_written.written_at IS 'When';
