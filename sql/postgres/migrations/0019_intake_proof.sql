-- What an event brought besides, what its id stands for, and a proof that holds for any stream.

ALTER TABLE event_inbox ADD COLUMN envelope jsonb;
COMMENT ON COLUMN event_inbox.envelope IS
'What came with the event and has no column: {"fields": …, "headers": …}; NULL: nothing did';

-- Of the same id, the same content is a duplicate, another one a conflict.
ALTER TABLE event_key ADD COLUMN digest uuid;
COMMENT ON COLUMN event_key.digest IS
'Of subject and payload; NULL: the key is from before there were digests';

ALTER TABLE event_quarantine ADD COLUMN duplicate_of text;
COMMENT ON COLUMN event_quarantine.duplicate_of IS
'The event that has the same id and content: a replay found nothing to land';

-- What JetStream writes itself where it removed a subject's last message: no event, and no loss.
CREATE TABLE event_marker (
    stream text NOT NULL,
    stream_seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    subject text NOT NULL,
    batch_id bigint NOT NULL,
    PRIMARY KEY (stream, stream_seq, received_at)
);
COMMENT ON TABLE event_marker IS 'Subject delete markers of JetStream';

-- A life of a stream: as long as a sequence means one message. It ends when the stream is made
-- anew, or is restored from a backup and counts on from there.
CREATE TABLE stream_life (
    life_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    created timestamptz NOT NULL,
    first_seq bigint NOT NULL,
    through_seq bigint NOT NULL,
    missing int8multirange NOT NULL DEFAULT '{}',
    began_at timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz
);
CREATE INDEX stream_life_stream ON stream_life (stream, life_id);
COMMENT ON COLUMN stream_life.first_seq IS 'What came before it was never ours, or is proven';
COMMENT ON COLUMN stream_life.through_seq IS 'As far as the proof has come';
COMMENT ON COLUMN stream_life.missing IS 'Sequences up to there that lie nowhere';

CREATE TABLE intake_accepted (
    life_id bigint NOT NULL REFERENCES stream_life,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    reason text NOT NULL CHECK (reason <> ''),
    accepted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE intake_accepted IS 'Sequences that lie nowhere, and that somebody answers for';

ALTER TABLE intake_batch
ADD COLUMN markers integer NOT NULL DEFAULT 0,
ADD COLUMN life_id bigint,
ADD COLUMN last_received_at timestamptz;
COMMENT ON COLUMN intake_batch.life_id IS
'NULL: of a file, of the quarantine, or from before there were lives';
COMMENT ON COLUMN intake_batch.last_received_at IS 'Of the message with last_seq';
CREATE INDEX intake_batch_life ON intake_batch (life_id, last_seq);
CREATE INDEX intake_batch_stream ON intake_batch (stream, last_seq);

-- What was proven of each stream's last life stays proven.
WITH known AS (
    SELECT DISTINCT ON (stream)
        stream,
        stream_created,
        through_seq,
        verified_at
    FROM intake_verified
    ORDER BY stream ASC, stream_created DESC
),

begun AS (
    INSERT INTO stream_life (stream, created, first_seq, through_seq, verified_at)
    SELECT
        stream,
        stream_created,
        1,
        through_seq,
        verified_at
    FROM known
    RETURNING life_id, stream, created
)

UPDATE intake_batch AS batch SET life_id = begun.life_id
FROM begun
WHERE batch.stream = begun.stream AND batch.landed_at >= begun.created;

DROP TABLE intake_verified;

CREATE OR REPLACE VIEW event_place AS
SELECT
    'inbox' AS place,
    stream,
    stream_seq,
    received_at
FROM event_key
UNION ALL
SELECT
    'quarantine' AS place,
    stream,
    stream_seq,
    received_at
FROM event_quarantine
UNION ALL
SELECT
    'duplicate' AS place,
    stream,
    stream_seq,
    received_at
FROM event_duplicate
UNION ALL
SELECT
    'marker' AS place,
    stream,
    stream_seq,
    received_at
FROM event_marker;

-- A table of the day's name that is not attached is somebody else's business (an archive, say):
-- the day then gets a partition of another name, so that its events are where everybody looks.
CREATE OR REPLACE FUNCTION ensure_day_partition(parent text, day date) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    stem text := parent || '_p' || to_char(day, 'YYYYMMDD');
    child text;
BEGIN
    FOR looked IN 1 .. 2 LOOP
        -- Asked of the catalog's tables: to_regclass() would give its first answer from a cache.
        SELECT pg_class.relname INTO child
        FROM pg_inherits
        INNER JOIN pg_class ON pg_inherits.inhrelid = pg_class.oid
        WHERE
            pg_inherits.inhparent = parent::regclass
            AND pg_class.relname ~ ('^' || stem || '(_[0-9]+)?$');
        IF child IS NOT NULL THEN
            RETURN child;
        END IF;
        IF looked = 1 THEN
            PERFORM pg_advisory_xact_lock(hashtextextended(stem, 0));
        END IF;
    END LOOP;
    child := stem;
    FOR other IN 2 .. 1000 LOOP
        EXIT WHEN to_regclass(quote_ident(child)) IS NULL;
        child := stem || '_' || other;
    END LOOP;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    EXECUTE format(
        'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        parent, child, day, day + 1
    );
    RETURN child;
END
$$;

CREATE OR REPLACE VIEW day_partition AS
SELECT
    parent.relname AS table_name,
    child.relname AS partition_name,
    to_date(substring(child.relname FROM '_p(\d{8})(?:_\d+)?$'), 'YYYYMMDD') AS occurred_on
FROM pg_inherits AS inheritance
INNER JOIN pg_class AS parent ON inheritance.inhparent = parent.oid
INNER JOIN pg_class AS child ON inheritance.inhrelid = child.oid
INNER JOIN pg_namespace AS namespace ON parent.relnamespace = namespace.oid
WHERE
    namespace.nspname = current_schema()
    AND parent.relkind = 'p'
    AND child.relname ~ ('^' || parent.relname || '_p\d{8}(_\d+)?$');
