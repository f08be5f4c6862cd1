-- The first day from %(earliest)s on that PostgreSQL has, or has dropped, events of.
SELECT min(occurred_on) AS first_day
FROM (
    SELECT occurred_on FROM day_partition
    WHERE table_name = 'event_inbox'
    UNION ALL
    SELECT occurred_on FROM archived_day
    WHERE table_name = 'event_inbox'
) AS known
WHERE occurred_on >= %(earliest)s;
