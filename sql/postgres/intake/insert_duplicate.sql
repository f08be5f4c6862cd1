INSERT INTO event_duplicate (stream, stream_seq, received_at, event_id, batch_id)
VALUES (%(stream)s, %(stream_seq)s, %(received_at)s, %(event_id)s, %(batch_id)s)
ON CONFLICT DO NOTHING;
