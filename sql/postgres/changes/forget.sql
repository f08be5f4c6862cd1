-- Changes of a day that a snapshot saw. One that is as far ahead as no transaction is yet comes
-- from the cluster that this one was restored from.
DELETE FROM day_change
WHERE
    occurred_on = %(day)s
    AND (
        pg_visible_in_snapshot(changed_by, %(seen)s::pg_snapshot)
        OR changed_by >= pg_snapshot_xmax(pg_current_snapshot())
    );
