SELECT ensure_day_partition(wanted.table_name, %(first)s::date + ahead.days)
FROM unnest(%(tables)s::text[]) AS wanted (table_name)
CROSS JOIN generate_series(0, %(days)s) AS ahead (days);
