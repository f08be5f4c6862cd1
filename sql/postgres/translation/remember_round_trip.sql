-- A segment's translation, translated back.
UPDATE translation_memory SET round_trip_text = %(round_trip_text)s
WHERE memory_key = %(memory_key)s AND is_fit;
