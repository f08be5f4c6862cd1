-- Keys that are given up, and the ledger of days that were dropped.

-- Up to where the keys of a stream have been given up: the proof has nothing to show below it.
CREATE TABLE forgotten_key (
    stream text NOT NULL PRIMARY KEY,
    through_seq bigint NOT NULL,
    received_until timestamptz NOT NULL,
    keys bigint NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE forgotten_key IS
'Of each stream, how many keys retention has deleted, and the last of them';

-- The ledger of days that PostgreSQL has dropped: nothing waits there, and nothing of it is read.
DELETE FROM intake_batch_day
WHERE
    occurred_on IN (
        SELECT occurred_on FROM archived_day
        WHERE table_name = 'event_inbox'
    )
    AND occurred_on NOT IN (SELECT occurred_on FROM day_partition);

DELETE FROM flat_batch
WHERE
    occurred_on IN (SELECT occurred_on FROM archived_day)
    AND occurred_on NOT IN (SELECT occurred_on FROM day_partition);
