-- Up to where the keys of this life of a stream have been given up.
SELECT coalesce(max(through_seq), 0) AS through_seq
FROM forgotten_key
WHERE stream = %(stream)s AND received_until >= %(created)s;
