INSERT INTO request_reply (request_event_id, occurred_on, kind, status)
VALUES (%(event_id)s, %(day)s, %(kind)s, %(status)s)
ON CONFLICT DO NOTHING;
