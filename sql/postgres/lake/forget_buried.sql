-- What no reader can still need, once its file is gone as well.
DELETE FROM lake_file
WHERE
    lake = %(lake)s AND table_name = %(table)s AND occurred_on = %(day)s
    AND buried_at < now() - make_interval(secs => %(grace_s)s);
