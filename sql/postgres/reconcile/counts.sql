-- Where the sequences of a stretch (after, floor] of one life of a stream lie.
SELECT
    count(*) FILTER (WHERE place = 'inbox') AS inbox,
    count(*) FILTER (WHERE place = 'quarantine') AS quarantine,
    count(*) FILTER (WHERE place = 'duplicate') AS duplicate
FROM event_place
WHERE
    stream = %(stream)s
    AND stream_seq > %(after)s
    AND stream_seq <= %(floor)s
    AND received_at >= %(created)s;
