INSERT INTO intake_verified (stream, stream_created, through_seq, verified_at)
VALUES (%(stream)s, %(created)s, %(floor)s, now())
ON CONFLICT (stream, stream_created) DO UPDATE
    SET through_seq = excluded.through_seq, verified_at = excluded.verified_at;
