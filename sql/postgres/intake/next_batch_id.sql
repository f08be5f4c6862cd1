SELECT nextval(pg_get_serial_sequence('intake_batch', 'batch_id'));
