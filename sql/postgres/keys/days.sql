-- Days before one of which PostgreSQL had events and has none any more.
SELECT occurred_on FROM archived_day
WHERE table_name = 'event_inbox' AND occurred_on < %(before)s
EXCEPT
SELECT occurred_on FROM day_partition
WHERE table_name = 'event_inbox';
