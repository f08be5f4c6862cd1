-- Days that changed otherwise than by events, for whoever summarizes them: results landed late, a
-- message was quarantined or replayed, an article was translated. A row is seen exactly when what
-- it tells of is, whatever the order in which transactions commit.
CREATE TABLE day_change (
    occurred_on date NOT NULL,
    changed_by xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (occurred_on, changed_by)
);

COMMENT ON TABLE day_change IS
'Days whose results, quarantine or translations changed since they were last summarized';
COMMENT ON COLUMN day_change.changed_by IS 'The transaction that changed it';

CREATE FUNCTION note_changed_days() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO day_change (occurred_on)
    SELECT DISTINCT changed.occurred_on
    FROM changed
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER inference_result_inserted
AFTER INSERT ON inference_result
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_changed_days();

CREATE TRIGGER inference_result_updated
AFTER UPDATE ON inference_result
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_changed_days();

CREATE TRIGGER event_quarantine_inserted
AFTER INSERT ON event_quarantine
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_changed_days();

CREATE TRIGGER event_quarantine_updated
AFTER UPDATE ON event_quarantine
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_changed_days();

CREATE TRIGGER article_translation_inserted
AFTER INSERT ON article_translation
REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_changed_days();
