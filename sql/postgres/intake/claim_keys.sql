-- Which of the incoming event ids are new. They come sorted, so that two drains that hold the same
-- ids wait for each other instead of deadlocking, and so that neighbours share index pages.
WITH claimed AS (
    INSERT INTO event_key (event_id, occurred_on, stream, stream_seq, received_at)
    SELECT
        event_id,
        occurred_on,
        stream,
        stream_seq,
        received_at
    FROM incoming_key
    ON CONFLICT DO NOTHING
    RETURNING event_id
)

SELECT event_id FROM claimed;
