-- Another file is worth more; none of those that are listed is this one.
UPDATE lake_file
SET
    covered_by = %(covered_by)s,
    buried_at = CASE WHEN %(listed)s THEN NULL ELSE coalesce(buried_at, now()) END
WHERE
    lake = %(lake)s AND table_name = %(table)s AND occurred_on = %(day)s
    AND layer = %(layer)s AND first_no = %(first)s AND last_no = %(last)s AND crc32 = %(crc)s;
