SELECT through_seq
FROM intake_verified
WHERE stream = %(stream)s AND stream_created = %(created)s;
