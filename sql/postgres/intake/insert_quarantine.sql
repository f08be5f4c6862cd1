INSERT INTO event_quarantine (
    subject, stream, stream_seq, reason, detail, raw, headers, received_at, batch_id
)
VALUES (
    %(subject)s, %(stream)s, %(stream_seq)s, %(reason)s, %(detail)s, %(raw)s, %(headers)s,
    %(received_at)s, %(batch_id)s
)
ON CONFLICT DO NOTHING;
