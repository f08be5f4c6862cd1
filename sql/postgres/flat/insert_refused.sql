INSERT INTO flat_refused (
    refused_id, table_name, occurred_on, event_id, batch_id, reason, detail
)
VALUES (
    coalesce(
        %(refused_id)s::bigint,
        nextval(pg_get_serial_sequence('event_quarantine', 'quarantine_id'))
    ),
    %(table)s, %(day)s, %(event_id)s, %(batch_id)s, %(reason)s, %(detail)s
);
