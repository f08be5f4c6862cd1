-- How many of these sequences have a key all the same: their events landed once.
SELECT count(*)
FROM event_key
WHERE
    stream = %(stream)s
    AND stream_seq BETWEEN
    lower(%(missing)s::int8multirange) AND upper(%(missing)s::int8multirange)
    AND stream_seq <@ %(missing)s::int8multirange;
