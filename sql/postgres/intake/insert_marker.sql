INSERT INTO event_marker (stream, stream_seq, received_at, subject, batch_id)
VALUES (%(stream)s, %(stream_seq)s, %(received_at)s, %(subject)s, %(batch_id)s)
ON CONFLICT DO NOTHING;
